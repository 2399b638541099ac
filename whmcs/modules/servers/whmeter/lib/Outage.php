<?php
// After a failure whmeter is let alone for a minute by whoever cannot wait: pages, buttons and hooks.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Outage
{
    private const SECONDS = 60;

    public static function began(string $address): void
    {
        Safely::run('outage', [], static fn () => Transient::keep(self::name($address), [time()], self::SECONDS), static fn () => null);
    }

    public static function lasts(string $address): bool
    {
        $find = static fn () => Transient::find(self::name($address));
        $began = Safely::run('outage', [], $find, static fn () => null);
        return $began !== null && time() - (int) ($began[0] ?? 0) < self::SECONDS;
    }

    private static function name(string $address): string
    {
        return 'outage.' . md5($address);
    }
}
