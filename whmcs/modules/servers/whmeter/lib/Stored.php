<?php
// Texts as they were meant: WHMCS keeps them as they were escaped for a page, and people leave blanks behind them.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Stored
{
    /** @param mixed $stored a field of WHMCS's database, or what a module function is given of it */
    public static function text($stored): string
    {
        $text = is_scalar($stored) ? (string) $stored : '';
        return trim(html_entity_decode($text, ENT_QUOTES | ENT_HTML5, 'UTF-8'), " \t\r\n");
    }
}
