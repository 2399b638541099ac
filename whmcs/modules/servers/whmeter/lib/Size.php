<?php
// Sizes as operators write them: 100 GiB, 1.5 TB, 100 gb, 0 for no limit; whole bytes inside.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Size
{
    private const POWERS = ['' => 0, 'K' => 1, 'M' => 2, 'G' => 3, 'T' => 4, 'P' => 5];

    /** Bytes, or null for what is no size. A number alone is in the unit of the module. */
    public static function parse(string $text): ?int
    {
        $text = trim($text);
        if (strtolower($text) === 'unlimited') {
            return 0;
        }
        if (!preg_match('/^(\d{1,15})(?:([.,])(\d{1,3}))? ?(?:([KMGTP]?)(I?)B?)$/Di', $text, $part)) {
            return null;
        }
        [, $whole, $point, $places, $power, $binary] = $part + ['', '', '', '', '', ''];
        // 1.000 GB is a thousand to some and one to others.
        if (strlen($places) === 3 && (int) $whole > 0) {
            return null;
        }
        // An i stands between a letter and a B, and nowhere else.
        if ($binary !== '' && !preg_match('/[KMGTP]IB$/Di', $text)) {
            return null;
        }
        if (preg_match('/[\d ]$/D', $text)) {
            $power = Settings::unit()[0];
        }
        return self::bytes($whole, $places, ($binary === '' ? 1000 : 1024) ** self::POWERS[strtoupper($power)]);
    }

    /** A number and a unit that are kept apart, as other modules do; their units are powers of 1024. */
    public static function of(string $number, string $unit): ?int
    {
        $unit = strtoupper(trim($unit));
        if (!preg_match('/^(\d{1,15})(?:[.,](\d{1,3}))?$/D', trim($number), $part)) {
            return null;
        }
        return preg_match('/^[MGTP]I?B?$/D', $unit) ? self::bytes($part[1], $part[2] ?? '', 1024 ** self::POWERS[$unit[0]]) : null;
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
