<?php
// Disk and bandwidth figures of tblhosting, in whole MB, for WHMCS's overage billing.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Overage
{
    private const COLUMNS = [
        'disk_mb' => 'diskusage',
        'disk_limit_mb' => 'disklimit',
        'bw_mb' => 'bwusage',
        'bw_limit_mb' => 'bwlimit',
    ];

    /** @throws Refused */
    public static function write(Client $client, int $server): void
    {
        $reported = $client->get('/v1/whmcs/legacy', ['server' => $server])['tenants'] ?? [];
        $services = Capsule::table('tblhosting')
            ->where('server', $server)
            ->whereIn('domainstatus', ['Active', 'Suspended'])
            ->get(['id', 'username']);
        $ambiguous = Namesakes::on($server);
        foreach ($services as $service) {
            $name = Stored::text($service->username);
            $figures = isset($ambiguous[$name]) ? [] : self::figures($reported[$name] ?? null);
            if ($figures) {
                // PHP's clock is WHMCS's; the database may live in another zone.
                $figures['lastupdate'] = date('Y-m-d H:i:s');
                Capsule::table('tblhosting')->where('id', $service->id)->update($figures);
            }
        }
    }

    /** Servers of other modules, where the operator has asked for it. */
    public static function writeOthers(): void
    {
        $metered = Servers::metered();
        foreach (array_map('intval', Settings::table('overage_servers')) as $server) {
            $params = isset($metered[$server]) ? Servers::params($metered[$server]) : [];
            $write = static fn () => self::write(new Client($params), $server);
            Safely::watched("overage figures of server $server", $params, $write, static fn () => null);
        }
    }

    /** Only what is known is written. */
    private static function figures($reported): array
    {
        $figures = [];
        foreach (self::COLUMNS as $key => $column) {
            $value = is_array($reported) ? ($reported[$key] ?? null) : null;
            if (is_int($value) && $value >= 0) {
                $figures[$column] = $value;
            }
        }
        return $figures;
    }
}
