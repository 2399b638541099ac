<?php
// A last look at an account before it is deleted; the deletion is delayed by seconds at most, never stopped.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class FinalReading
{
    private const WAIT_SECONDS = 5;
    private const STEP_MICROSECONDS = 250000;

    public static function take(string $username, int $server): void
    {
        $entry = Servers::entryFor($server);
        if ($entry === null || $username === '' || Companions::isOne($username)) {
            return;
        }
        $params = Servers::params($entry);
        Safely::run('final reading', $params + ['username' => $username], static function () use ($params, $username, $server): void {
            self::wait(Client::hurried($params, self::WAIT_SECONDS), Account::named($username, $server));
        }, static fn () => null);
    }

    private static function wait(Client $client, Account $account): void
    {
        $until = microtime(true) + self::WAIT_SECONDS;
        $before = self::newest($client, $account);
        try {
            $account->recalculate($client);
        } catch (Refused $refused) {
            if ($refused->status === 429) {
                return; // Read less than ten minutes ago.
            }
            throw $refused;
        }
        while (self::newest($client, $account) <= $before && microtime(true) < $until) {
            usleep(self::STEP_MICROSECONDS);
        }
    }

    /** A look, as WHMCS is handed nothing here: if it wants the last figures it asks for them by tenantUsage(). */
    private static function newest(Client $client, Account $account): int
    {
        return Values::read($account->look($client)['values'] ?? null)->newest ?? 0;
    }
}
