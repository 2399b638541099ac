<?php
// What a product says of limits and mail templates: our own settings, or another module's where the operator says which.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class ProductLimits
{
    /** The settings of our own products, in the order of whmeter_ConfigOptions. */
    private const OWN = [
        'storage' => 'configoption1',
        'traffic_out' => 'configoption2',
        'traffic_in' => 'configoption3',
        'traffic_total' => 'configoption4',
        'notify' => 'configoption5',
        'limited' => 'configoption6',
        // The seventh is the plan, for Server Sync.
        'warn_at' => 'configoption8',
        'unit' => 'configoption9',
    ];
    private const UNITS = ['MB', 'GB', 'TB', 'PB'];
    private const MOST_PERCENT = 10000;
    private const METERS = ['storage', 'traffic_in', 'traffic_out', 'traffic_total'];

    /**
     * @return array{array<string, int>, array<string, string>} bytes by meter, 0 for no limit, where a meter of which the
     *         product says nothing is absent; and by meter what it says and is no size
     */
    public static function read(object $product): array
    {
        $fields = self::fields($product);
        $limits = $unread = [];
        foreach (self::METERS as $meter) {
            $text = isset($fields[$meter]) ? self::option($product, $fields[$meter]) : '';
            $unit = isset($fields["{$meter}_unit"]) ? self::option($product, $fields["{$meter}_unit"]) : null;
            $bytes = $unit === null ? Size::parse($text) : Size::of($text, $unit);
            if ($bytes !== null) {
                $limits[$meter] = $bytes;
            } elseif ($text !== '') {
                $unread[$meter] = trim("$text $unit");
            }
        }
        return [$limits, $unread];
    }

    /** @return array<string, string> mail templates: notify, limited */
    public static function templates(object $product): array
    {
        $fields = self::fields($product);
        $templates = [];
        foreach (['notify', 'limited'] as $occasion) {
            $name = isset($fields[$occasion]) ? self::option($product, $fields[$occasion]) : '';
            if ($name !== '') {
                $templates[$occasion] = $name;
            }
        }
        return $templates;
    }

    /** @return array{int|null, string} the percentage of the limit to be reported; and what is written and is none */
    public static function warnAt(object $product): array
    {
        $field = self::fields($product)['warn_at'] ?? '';
        $text = $field === '' ? '' : self::option($product, (string) $field);
        if (preg_match('/^(\d{1,5}) ?%?$/D', $text, $part) && (int) $part[1] <= self::MOST_PERCENT) {
            return [(int) $part[1] ?: null, ''];
        }
        return [null, $text];
    }

    /** The unit that amounts of the product are shown in; null where each is shown in the one that fits it. */
    public static function unit(object $product): ?string
    {
        $field = self::fields($product)['unit'] ?? '';
        $text = $field === '' ? '' : strtoupper(self::option($product, (string) $field));
        return in_array($text, self::UNITS, true) ? $text : null;
    }

    private static function fields(object $product): array
    {
        $module = (string) ($product->servertype ?? '');
        $fields = $module === 'whmeter' ? self::OWN : Settings::table('product_fields')[$module] ?? [];
        return is_array($fields) ? $fields : [];
    }

    /** A setting of the product: configoption3, or configoption24.size inside one that holds JSON. */
    private static function option(object $product, string $field): string
    {
        if (!preg_match('/^(configoption\d{1,2})(?:\.([A-Za-z0-9_-]+))?$/D', $field, $part)) {
            return '';
        }
        $value = $product->{$part[1]} ?? '';
        if (isset($part[2])) {
            // Where WHMCS has stored it as a page needs it, it is JSON only as it was meant.
            $read = json_decode((string) $value, true, 8) ?? json_decode(Stored::text($value), true, 8);
            $value = is_array($read) ? ($read[$part[2]] ?? '') : '';
        }
        return Stored::text($value);
    }
}
