<?php
// What becomes of it if it goes on like this: traffic by the end of the month, and when a limit is reached.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Outlook
{
    private const DAY = 86400;
    /** Of a shorter time nothing can be said of a whole month. */
    private const LEAST_DAYS = 2.0;
    private const LOOKS_BACK_DAYS = 14;
    private const LOOKS_AHEAD_DAYS = 366;

    /** What will have been moved by the end of the month; null where it is too early to say, or nothing is known. */
    public static function monthEnd(Standing $standing, string $meter, int $now): ?float
    {
        $used = $standing->values->get($meter);
        [$gone, $whole] = self::month($now);
        return $used === null || $gone < self::LEAST_DAYS ? null : $used / $gone * $whole;
    }

    /** The day on which a limit is reached, Y-m-d; null where it is reached already, or not in sight. */
    public static function limitDay(Standing $standing, string $meter, int $now): ?string
    {
        [$used, $limit] = [$standing->values->get($meter), $standing->limit($meter)];
        if ($used === null || $limit === null || $limit <= 0 || $used >= $limit) {
            return null;
        }
        $daily = $meter === 'disk' ? self::growth($standing) : self::pace($used, $now);
        if ($daily === null || $daily <= 0) {
            return null;
        }
        $days = ($limit - $used) / $daily;
        [$gone, $whole] = self::month($now);
        // What is counted by the month begins anew with the next.
        $last = $meter === 'disk' ? self::LOOKS_AHEAD_DAYS : $whole - $gone;
        return $days < $last ? date('Y-m-d', $now + (int) ($days * self::DAY)) : null;
    }

    private static function pace(float $used, int $now): ?float
    {
        [$gone] = self::month($now);
        return $gone < self::LEAST_DAYS ? null : $used / $gone;
    }

    /** What the level has grown by a day of late. */
    private static function growth(Standing $standing): ?float
    {
        $known = array_filter(array_map(static fn ($point) => $point['disk'], $standing->days), static fn ($disk) => $disk !== null);
        $known = array_slice($known, -self::LOOKS_BACK_DAYS, null, true);
        if (count($known) < 3) {
            return null;
        }
        $days = (strtotime(array_key_last($known) . ' UTC') - strtotime(array_key_first($known) . ' UTC')) / self::DAY;
        return (end($known) - reset($known)) / $days;
    }

    /** @return array{float, float} days of the month that are over, and all of them, by the clock of WHMCS */
    private static function month(int $now): array
    {
        $start = (int) strtotime(date('Y-m-01 00:00:00', $now));
        $end = (int) strtotime(date('Y-m-01 00:00:00', $start + 32 * self::DAY));
        return [($now - $start) / self::DAY, ($end - $start) / self::DAY];
    }
}
