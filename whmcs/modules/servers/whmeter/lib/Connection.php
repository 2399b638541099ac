<?php
// Test Connection: a list of what must be right for right bills, and of what is not.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Connection
{
    private const CLOCK_SECONDS = 300;

    /** @return string what is wrong, as text; empty when nothing is. @throws Refused where whmeter does not let in at all */
    public static function trouble(array $params): string
    {
        $client = new Client($params);
        $entry = (int) ($params['serverid'] ?? 0);
        // Address, token, settings and unit: without these there is nothing more to ask.
        $ping = $client->get('/v1/whmcs/ping');
        $troubles = [self::clock($ping), self::zone($ping)];
        foreach (array_filter(Servers::others($entry) ?: [$entry]) as $server) {
            $troubles[] = self::server($client, $server);
        }
        $wrong = array_filter($troubles);
        return $wrong ? 'Connected, but: ' . implode(' ✗ ', $wrong) : '';
    }

    private static function clock(array $ping): string
    {
        $apart = abs(time() - (int) ($ping['clock'] ?? 0));
        return $apart > self::CLOCK_SECONDS ? "The clocks of WHMCS and whmeter are $apart s apart." : '';
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
                return "WHMCS cuts months by $ours and whmeter by $theirs: set [whmcs] timezone.";
            }
        }
        return '';
    }

    /** Whether whmeter knows the server, and what of its services it cannot bill. */
    private static function server(Client $client, int $server): string
    {
        try {
            // An entry that meters other modules' servers needs no backend of its own.
            $client->get('/v1/whmcs/ping', ['server' => $server]);
        } catch (Refused $refused) {
            return "Server $server: {$refused->getMessage()}.";
        }
        $found = static fn () => array_filter([self::ambiguous($server), self::unread($server), self::companions($server)]);
        $wrong = Safely::run("services of server $server", [], $found, static fn () => ['its services could not be read: see the module log']);
        return $wrong ? "Server $server: " . implode(' ', $wrong) : '';
    }

    private static function ambiguous(int $server): string
    {
        $said = [];
        foreach (array_slice(Namesakes::on($server), 0, 5, true) as $name => $services) {
            $said[] = "$name (services " . implode(', ', $services) . ')';
        }
        return $said ? 'Several living services have one username, and none of them is billed: ' . implode('; ', $said) . '.' : '';
    }

    private static function unread(int $server): string
    {
        $unread = UnreadSizes::sentence(ServiceList::unread($server));
        return $unread === '' ? '' : "Sizes that cannot be read: $unread.";
    }

    /** Companions that are missing or not as they should be. */
    private static function companions(int $server): string
    {
        if (Settings::table('companions') === []) {
            return '';
        }
        $here = [];
        foreach (Capsule::table('tblhosting')->where('server', $server)->get(['id']) as $service) {
            $here[(int) $service->id] = true;
        }
        $wrong = array_filter(CompanionRounds::differences(), static fn ($one) => isset($here[$one['service']]));
        return $wrong ? 'Companions: ' . CompanionRounds::sentence($wrong) . '.' : '';
    }
}
