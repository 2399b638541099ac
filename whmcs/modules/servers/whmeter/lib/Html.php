<?php
// Text and numbers as HTML.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Html
{
    public static function text(string $text): string
    {
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }

    /** Numbers and dates: together, and left to right in every language. */
    public static function kept(string $text): string
    {
        return '<bdi dir="ltr" style="white-space:nowrap">' . self::text($text) . '</bdi>';
    }

    /** A value with its unit; null is said to be unknown. */
    public static function amount(?float $value, Scale $scale, Texts $texts): string
    {
        return $value === null ? $texts->html('unknown') : self::kept($scale->text($value));
    }

    /** A share of a limit: the number, and a bar under it. */
    public static function percent(float $percent): string
    {
        $width = sprintf('%.1F', min(100, max(0, $percent)));
        $colour = $percent >= 100 ? '#c0392b' : ($percent >= 80 ? '#d68910' : '#2e86c1');
        return self::kept(sprintf('%.1F %%', $percent))
            . '<div class="whmeter-bar" style="background:#e5e8ea;border-radius:3px;height:10px;max-width:420px;overflow:hidden">'
            . "<div style=\"width:$width%;height:100%;background:$colour\"></div></div>";
    }
}
