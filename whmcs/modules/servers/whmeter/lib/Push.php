<?php
// Sends the service lists to whmeter: soon after a change, and every hour in case one was lost.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Push
{
    private const EVERY_SECONDS = 3600;
    /** The row of tblconfiguration that remembers when each server's list was last taken. */
    private const REMEMBERED = 'WhmeterPushed';

    private static bool $due = false;

    /** Once at the end of the request, however much changes in it: a daily cron may suspend hundreds. */
    public static function later(): void
    {
        if (!self::$due) {
            self::$due = true;
            register_shutdown_function(static function (): void {
                self::$due = false;
                Safely::run('push', [], [self::class, 'all'], static fn () => null);
            });
        }
    }

    public static function all(): void
    {
        self::servers(Servers::metered());
    }

    /** What was not taken for an hour, or never. */
    public static function overdue(): void
    {
        $taken = self::taken();
        $late = static fn (int $server) => time() - (int) ($taken[$server] ?? 0) >= self::EVERY_SECONDS;
        self::servers(array_filter(Servers::metered(), $late, ARRAY_FILTER_USE_KEY));
    }

    /** @param array<int, int> $servers id of the whmeter entry by id of the metered server */
    private static function servers(array $servers): void
    {
        $unreachable = [];
        $now = [];
        foreach ($servers as $server => $entry) {
            if (!isset($unreachable[$entry])) {
                $status = self::one($server, $entry);
                $now += $status === 200 ? [$server => time()] : [];
                $unreachable += $status === 0 ? [$entry => true] : [];
            }
        }
        if ($now) {
            $fields = ['value' => json_encode($now + self::taken())];
            Capsule::table('tblconfiguration')->updateOrInsert(['setting' => self::REMEMBERED], $fields);
        }
    }

    /** @return int 200, the status of a refusal, or 0 where nobody answered */
    private static function one(int $server, int $entry): int
    {
        $params = ['serverid' => $entry];
        $send = static function () use ($server, $entry, &$params): int {
            $params = Servers::params($entry);
            $json = ServiceList::json($server);
            (new Client($params))->put('/v1/whmcs/services', ['server' => $server], $json);
            return 200;
        };
        try {
            return $send();
        } catch (\Throwable $error) {
            Safely::log("push of server $server", $params, $error);
            return $error instanceof Refused ? $error->status : -1;
        }
    }

    private static function taken(): array
    {
        $row = Capsule::table('tblconfiguration')->where('setting', self::REMEMBERED)->first(['value']);
        $read = json_decode((string) ($row->value ?? ''), true);
        return is_array($read) ? $read : [];
    }
}
