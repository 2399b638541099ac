<?php
// Sends whmeter its lists: services soon after a change, and every hour everything in case one was lost.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Push
{
    private const EVERY_SECONDS = 3600;
    private const BILLABLE = 'billable';
    private const TAKEN = 200;
    /** The whmeter is older than the list, or an entry without services has no backend. */
    private const UNKNOWN = 404;
    private const NOBODY = 0;

    private static bool $due = false;

    /** Once at the end of the request, however much changes in it: a daily cron may suspend hundreds. */
    public static function later(): void
    {
        if (!self::$due) {
            self::$due = true;
            register_shutdown_function(static function (): void {
                self::$due = false;
                $push = self::isWaitedFor() ? [self::class, 'byCron'] : [self::class, 'all'];
                Safely::run('push', [], $push, static fn () => null);
            });
        }
    }

    /** Whether somebody still waits for a page, and cannot be sent it before. */
    private static function isWaitedFor(): bool
    {
        if (PHP_SAPI === 'cli') {
            return false;
        }
        foreach (['fastcgi_finish_request', 'litespeed_finish_request'] as $finish) {
            if (function_exists($finish)) {
                $finish();
                return false;
            }
        }
        return true;
    }

    /** Leaves everything to the next run of the cron. */
    public static function byCron(): void
    {
        Memory::keep(Memory::PUSHED, array_map(static fn () => 0, Servers::metered()));
    }

    /** What a step in a service's life answers to WHMCS. */
    public static function registered($params): string
    {
        Safely::run('register', $params, [self::class, 'later'], static fn () => null);
        return 'success';
    }

    /** The services of every metered server. */
    public static function all(): void
    {
        self::services(Servers::metered());
    }

    /** What was not taken for an hour, or never. */
    public static function overdue(): void
    {
        $taken = Memory::read(Memory::PUSHED);
        $late = static fn ($list) => time() - (int) ($taken[$list] ?? 0) >= self::EVERY_SECONDS;
        self::services(array_filter(Servers::metered(), $late, ARRAY_FILTER_USE_KEY));
        if ($late(self::BILLABLE)) {
            self::billable();
        }
    }

    /** @param array<int, int> $servers id of the whmeter entry by id of the metered server */
    private static function services(array $servers): void
    {
        $taken = $silent = [];
        foreach ($servers as $server => $entry) {
            if (isset($silent[$entry])) {
                continue; // One wait is enough.
            }
            $status = self::put('services', $server, $entry, static fn () => ServiceList::of($server));
            if ($status === self::TAKEN) {
                $taken[$server] = time();
            } elseif ($status === self::NOBODY) {
                $silent[$entry] = true;
            }
        }
        Memory::keep(Memory::PUSHED, $taken);
    }

    /** To one whmeter, by the first entry that it lets in. */
    private static function billable(): void
    {
        $status = self::UNKNOWN;
        foreach (Servers::entries() as $entry) {
            $status = self::put(self::BILLABLE, $entry, $entry, [BillableItems::class, 'list']);
            if ($status === self::TAKEN) {
                break;
            }
        }
        if ($status === self::TAKEN || $status === self::UNKNOWN) {
            Memory::keep(Memory::PUSHED, [self::BILLABLE => time()]);
        }
    }

    /** @return int 200; the status of a refusal; 0 where nothing answered; -1 where there is nothing to send */
    private static function put(string $list, int $server, int $entry, callable $make): int
    {
        $params = ['serverid' => $entry];
        $body = [];
        try {
            $params = Servers::params($entry);
            $body = $make();
            (new Client($params))->put("/v1/whmcs/$list", ['server' => $server], $body);
            self::note($list, $server, '');
            return self::TAKEN;
        } catch (\Throwable $error) {
            $status = $error instanceof Refused ? $error->status : -1;
            if ($status !== self::UNKNOWN || !empty($body['services']) || !empty($body['addons'])) {
                Safely::log("push of $list, server $server", $params, $error);
                self::note($list, $server, Safely::message($params, $error));
            }
            return $status;
        }
    }

    private static function note(string $list, int $server, string $trouble): void
    {
        Safely::run('notice', [], static fn () => Notice::state("push of $list, server $server", $trouble), static fn () => null);
    }
}
