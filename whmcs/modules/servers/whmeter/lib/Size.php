<?php
// Sizes as operators write them: 100 GiB, 1.5 TB, 0 for no limit; whole bytes inside.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Size
{
    private const POWERS = ['' => 0, 'K' => 1, 'M' => 2, 'G' => 3, 'T' => 4, 'P' => 5];

    /** Bytes, or null for what is no size. A bare number is a size only when it is 0. */
    public static function parse(string $text): ?int
    {
        $text = trim($text);
        if ($text === '0') {
            return 0;
        }
        if (!preg_match('/^(\d{1,15})(?:\.(\d{1,3}))? ?(B|kB|[MGTP]B|[KMGTP]iB)$/D', $text, $part)) {
            return null;
        }
        $power = self::POWERS[rtrim(strtoupper($part[3]), 'IB')];
        return self::bytes($part[1], $part[2], (str_contains($part[3], 'i') ? 1024 : 1000) ** $power);
    }

    /** A number and a unit that are kept apart, as other modules do; their units are powers of 1024. */
    public static function of(string $number, string $unit): ?int
    {
        $unit = strtoupper(trim($unit));
        if (!preg_match('/^(\d{1,15})(?:\.(\d{1,3}))?$/D', trim($number), $part)) {
            return null;
        }
        return in_array($unit, ['MB', 'GB', 'TB', 'PB'], true)
            ? self::bytes($part[1], $part[2] ?? '', 1024 ** self::POWERS[$unit[0]])
            : null;
    }

    private static function bytes(string $whole, string $places, int $unit): ?int
    {
        if ((int) $whole > intdiv(PHP_INT_MAX, $unit) - 1) {
            return null;
        }
        $thousandths = (int) str_pad($places, 3, '0');
        return (int) $whole * $unit + intdiv($unit, 1000) * $thousandths + intdiv($unit % 1000 * $thousandths, 1000);
    }
}
