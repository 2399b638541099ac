<?php
// Dates of WHMCS's database, or null for what is none.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Day
{
    /** @param mixed $stored as the database has it; 0000-00-00 is WHMCS's way to write that there is none */
    public static function of($stored): ?string
    {
        $text = is_scalar($stored) ? trim((string) $stored) : '';
        if (!preg_match('/^(\d{4})-(\d\d)-(\d\d)(?: \d\d:\d\d:\d\d)?$/D', $text, $part)) {
            return null;
        }
        return checkdate((int) $part[2], (int) $part[3], (int) $part[1]) ? substr($text, 0, 10) : null;
    }
}
