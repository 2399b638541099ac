<?php
// Which servers are metered, and by which server entry of whmeter.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Servers
{
    /** @return array<int, int> id of the whmeter entry by id of the metered server */
    public static function metered(): array
    {
        $meters = Settings::table('meters');
        $metered = [];
        $entries = Capsule::table('tblservers')->where('type', 'whmeter')->where('disabled', 0)->get(['id']);
        foreach ($entries as $entry) {
            $id = (int) $entry->id;
            if (Companions::hasOthers($id)) {
                $metered[$id] = $id;
            }
            foreach ((array) ($meters[$id] ?? []) as $server) {
                $metered[(int) $server] = $id;
            }
        }
        return $metered;
    }

    public static function entryFor(int $server): ?int
    {
        return self::metered()[$server] ?? null;
    }

    /** Server parameters of an entry, in the form in which WHMCS hands them to module functions. */
    public static function params(int $entry): array
    {
        $row = Capsule::table('tblservers')->where('id', $entry)->where('type', 'whmeter')->first();
        if (!$row) {
            throw new \RuntimeException("server entry $entry is not there or not of the module whmeter");
        }
        return [
            'serverid' => $entry,
            'serverhostname' => (string) $row->hostname,
            'serverip' => (string) $row->ipaddress,
            'serversecure' => in_array($row->secure, ['on', 1, '1', true], true),
            'serverport' => (string) ($row->port ?? ''),
            'serveraccesshash' => self::token($entry, (string) $row->accesshash),
            'serverpassword' => '',
        ];
    }

    /** WHMCS keeps the access hash encrypted, older versions plain: what decrypts to a token is one. */
    private static function token(int $entry, string $stored): string
    {
        $given = Settings::table('tokens')[$entry] ?? null;
        if (is_string($given) && $given !== '') {
            return $given;
        }
        $answer = $stored === '' ? [] : localAPI('DecryptPassword', ['password2' => $stored]);
        $plain = trim((string) ($answer['password'] ?? ''));
        return preg_match('/^[\x21-\x7e]{16,}$/D', $plain) ? $plain : trim($stored);
    }
}
