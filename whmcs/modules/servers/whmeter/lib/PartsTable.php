<?php
// The largest parts of a level as a table, with the time they were read.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class PartsTable
{
    private const MOST = 10;

    public static function html(Parts $parts, Standing $standing, Texts $texts): string
    {
        return "<h4 style=\"margin-top:1.2em\">{$texts->html('parts')}</h4>" . self::rows($parts, $standing, $texts);
    }

    public static function rows(Parts $parts, Standing $standing, Texts $texts): string
    {
        $scale = Scale::of($standing->unit, 'disk', $texts);
        [$named, $others, $value] = $parts->largest(self::MOST);
        $row = static fn (string $name, float $value) => '<tr><th scope="row" style="text-align:start;font-weight:normal;overflow-wrap:anywhere">'
            . "$name</th><td style=\"text-align:end\">" . Html::amount($value, $scale, $texts) . '</td></tr>';
        $rows = '';
        foreach ($named as [$account, $name, $bytes]) {
            $rows .= $row(($account === '' ? '' : self::name("$account / ")) . self::name($name), $bytes);
        }
        if ($others > 0) {
            $rows .= $row(Html::text("{$texts->get('others')} ($others)"), $value);
        }
        $said = $texts->html('last_reading') . ': ' . Html::kept(date('Y-m-d H:i', $parts->readAt));
        $said .= $parts->differs ? " · {$texts->html('parts_differ')}" : '';
        $table = $rows === '' ? '' : "<table class=\"table whmeter-parts\" style=\"max-width:600px\">$rows</table>";
        return "$table<p><small>$said</small></p>";
    }

    /** A name as the panel has it, in its own direction of writing. */
    private static function name(string $name): string
    {
        return '<bdi>' . Html::text($name) . '</bdi>';
    }
}
