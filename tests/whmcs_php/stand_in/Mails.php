<?php
// SendEmail and the client's mail log. WHMCS fills templates by Smarty; here a variable alone is put in its place.

declare(strict_types=1);

namespace StandIn;

use WHMCS\Database\Capsule;

final class Mails
{
    /** @throws Refusal with WHMCS's own words */
    public static function send(array $fields): array
    {
        $vars = self::variables((string) ($fields['customvars'] ?? ''));
        $service = Capsule::table('tblhosting')->where('id', (int) ($fields['id'] ?? 0))->first();
        if (!$service) {
            throw new Refusal('Sending Failed. Please see documentation.');
        }
        [$subject, $message] = self::worded($fields);
        $fill = static fn (string $text) => preg_replace_callback('/\{\$(\w+)\}/', static fn ($part) => $vars[$part[1]] ?? '', $text);
        Capsule::table('tblemails')->insert([
            'userid' => $service->userid, 'subject' => $fill($subject), 'message' => $fill($message), 'date' => date('Y-m-d H:i:s'), 'failed' => 0,
        ]);
        return [];
    }

    private static function variables(string $encoded): array
    {
        if ($encoded === '') {
            return [];
        }
        $read = @unserialize((string) base64_decode($encoded, true), ['allowed_classes' => false]);
        if (!is_array($read)) {
            throw new Refusal('The custom variables you provided are invalid.');
        }
        return array_map('strval', $read);
    }

    /** @return array{string, string} */
    private static function worded(array $fields): array
    {
        if (($fields['messagename'] ?? '') === '') {
            if (($fields['customtype'] ?? '') !== 'product') {
                throw new Refusal('You must provide either an existing email template name or a custom message type');
            }
            return [(string) $fields['customsubject'], (string) $fields['custommessage']];
        }
        $template = Capsule::table('tblemailtemplates')->where('name', $fields['messagename'])->where('language', '')->first();
        if (!$template) {
            throw new Refusal('Email Template not found');
        }
        return [$template->subject, $template->message];
    }
}
