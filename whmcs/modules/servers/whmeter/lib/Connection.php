<?php
// Test Connection: address, token, clock, time zone, and whether whmeter knows this server.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Connection
{
    private const CLOCK_SECONDS = 300;

    /** @return string what is wrong; empty when nothing is */
    public static function trouble(array $params): string
    {
        $client = new Client($params);
        $ping = $client->get('/v1/whmcs/ping');
        $trouble = self::clock($ping) ?: self::zone($ping);
        if ($trouble === '') {
            self::servers($client, (int) ($params['serverid'] ?? 0));
        }
        return $trouble;
    }

    private static function clock(array $ping): string
    {
        $apart = abs(time() - (int) ($ping['clock'] ?? 0));
        return $apart > self::CLOCK_SECONDS ? "Connected, but the clocks of WHMCS and whmeter are $apart s apart." : '';
    }

    /** Both cut months: by different zones the first and last hours would be billed in the wrong one. */
    private static function zone(array $ping): string
    {
        $theirs = is_string($ping['tz'] ?? null) ? $ping['tz'] : '';
        $ours = date_default_timezone_get();
        if (!in_array($theirs, timezone_identifiers_list(\DateTimeZone::ALL_WITH_BC), true)) {
            return '';
        }
        foreach (['now', '+6 months'] as $when) {
            $offset = static fn (string $zone) => (new \DateTime($when, new \DateTimeZone($zone)))->getOffset();
            if ($offset($ours) !== $offset($theirs)) {
                return "Connected, but WHMCS cuts months by $ours and whmeter by $theirs: set [whmcs] timezone.";
            }
        }
        return '';
    }

    /** An entry that meters other modules' servers needs no backend of its own. @throws Refused */
    private static function servers(Client $client, int $entry): void
    {
        $servers = Servers::others($entry) ?: [$entry];
        foreach (array_filter($servers) as $server) {
            $client->get('/v1/whmcs/ping', ['server' => $server]);
        }
    }
}
