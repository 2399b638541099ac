<?php
// The mail templates that a product's settings offer: WHMCS's of the type Product/Service, and those that are named already.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class MailTemplates
{
    private const SETTINGS = ['configoption5', 'configoption6'];

    /** @return array<string, string> names by themselves; the empty one first, for none */
    public static function offered(): array
    {
        $names = [];
        foreach (Capsule::table('tblemailtemplates')->where('type', 'product')->get(['name', 'language']) as $template) {
            // A template has a row for each language, and one for all of them.
            if ((string) $template->language === '') {
                $names[] = Stored::text($template->name);
            }
        }
        // What was typed before there was a list must not be lost when the page is saved.
        foreach (Capsule::table('tblproducts')->where('servertype', 'whmeter')->get() as $product) {
            foreach (self::SETTINGS as $setting) {
                $names[] = Stored::text($product->{$setting} ?? '');
            }
        }
        $names = array_values(array_unique(array_filter($names, static fn ($name) => $name !== '')));
        sort($names);
        return ['' => 'none'] + array_combine($names, $names);
    }
}
