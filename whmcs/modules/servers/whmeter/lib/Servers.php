<?php
// Which servers are metered, and by which server entry of whmeter.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Servers
{
    /** @return int[] ids of whmeter's own server entries, oldest first */
    public static function entries(): array
    {
        $rows = Capsule::table('tblservers')->where('type', 'whmeter')->where('disabled', 0)->orderBy('id')->get(['id']);
        $ids = [];
        foreach ($rows as $row) {
            $ids[] = (int) $row->id;
        }
        return $ids;
    }

    /** @return array<int, int> id of the whmeter entry by id of the metered server; an entry's own services count */
    public static function metered(): array
    {
        $metered = [];
        foreach (self::entries() as $entry) {
            foreach ([$entry, ...self::others($entry)] as $server) {
                $metered[$server] = $entry;
            }
        }
        return $metered;
    }

    /** @return int[] ids of other modules' servers that whmeter meters, by settings.php */
    public static function others(int $entry): array
    {
        return array_map('intval', array_values((array) (Settings::table('meters')[$entry] ?? [])));
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

    /** The same with the staff token, for pages of WHMCS's admin area. */
    public static function staffParams(int $entry): array
    {
        $params = self::params($entry);
        $stored = (string) (Capsule::table('tblservers')->where('id', $entry)->first()->password ?? '');
        $answer = $stored === '' ? [] : localAPI('DecryptPassword', ['password2' => $stored]);
        $plain = trim((string) ($answer['password'] ?? ''));
        return ['serverpassword' => preg_match('/^[\x21-\x7e]{16,}$/D', $plain) ? $plain : ''] + $params;
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
