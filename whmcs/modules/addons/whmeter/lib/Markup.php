<?php
// The parts that tabs are made of, in the Bootstrap of WHMCS's admin area; whatever is handed over as text is escaped here.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\Html;

final class Markup
{
    /**
     * @param string[] $heads what columns are called, text
     * @param string[][] $rows cells, HTML
     * @param string $name what the table is, for those who hear it
     * @param string $none what is said where there are no rows
     */
    public static function table(string $name, array $heads, array $rows, string $none = 'None.'): string
    {
        if ($rows === []) {
            return '<p>' . Html::text($none) . '</p>';
        }
        $head = implode('', array_map(static fn ($text) => '<th scope="col">' . Html::text($text) . '</th>', $heads));
        $body = '';
        foreach ($rows as $cells) {
            $body .= '<tr><td>' . implode('</td><td>', $cells) . '</td></tr>';
        }
        // What is wider than a phone is moved inside its own frame, by keys too.
        return '<div class="table-responsive" role="region" tabindex="0" aria-label="' . Html::text($name) . '">'
            . "<table class=\"table table-condensed\"><thead><tr>$head</tr></thead><tbody>$body</tbody></table></div>";
    }

    /** A text, or a dash where there is none. */
    public static function cell($value): string
    {
        return is_scalar($value) && (string) $value !== '' ? Html::text((string) $value) : '–';
    }

    /** A time as whmeter writes it, in WHMCS's zone. */
    public static function time($value): string
    {
        $at = is_int($value) ? $value : (is_string($value) ? strtotime($value) : false);
        return $at === false ? '–' : Html::kept(date('Y-m-d H:i', $at));
    }

    /** @param string $kind success, info, warning or danger */
    public static function notice(string $kind, string $text): string
    {
        return "<div class=\"alert alert-$kind\" role=\"status\">" . Html::text($text) . '</div>';
    }

    public static function state(string $text, bool $isWell): string
    {
        return '<strong class="' . ($isWell ? 'text-success' : 'text-danger') . '">' . Html::text($text) . '</strong>';
    }

    /** Bytes as people read them, in powers of 1024. */
    public static function size($bytes): string
    {
        if (!is_int($bytes) && !is_float($bytes)) {
            return '–';
        }
        $size = (float) $bytes;
        $units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
        for ($power = 0; abs($size) >= 1024 && $power < count($units) - 1; $power++) {
            $size /= 1024;
        }
        return Html::kept(number_format($size, $power === 0 ? 0 : 2, '.', '') . " $units[$power]");
    }

    public static function link(string $url, string $text): string
    {
        return '<a style="text-decoration:underline" href="' . Html::text($url) . '">' . Html::text($text) . '</a>';
    }

    /** A service of WHMCS by its number, on its own page. */
    public static function service($id, $client): string
    {
        if (!is_int($id) || $id < 1) {
            return '–';
        }
        return is_int($client) && $client > 0 ? self::link("clientsservices.php?userid=$client&id=$id", "#$id") : Html::text("#$id");
    }

    /**
     * A button that has something done: a form of its own, with WHMCS's token of the session.
     *
     * @param array<string, string> $fields hidden ones
     * @param string $inputs HTML of those that are filled in
     */
    public static function button(Request $request, string $do, array $fields, string $label, string $inputs = ''): string
    {
        $token = function_exists('generate_token') ? (string) \generate_token('plain') : '';
        $hidden = '';
        foreach (['token' => $token, 'whmeter_do' => $do] + $fields as $name => $value) {
            $hidden .= '<input type="hidden" name="' . Html::text($name) . '" value="' . Html::text($value) . '">';
        }
        return '<form method="post" action="' . Html::text($request->here()) . '" class="form-inline" style="display:inline-block;margin:0 4px 4px 0">'
            . "$hidden$inputs<button type=\"submit\" class=\"btn btn-default btn-sm\">" . Html::text($label) . '</button></form>';
    }

    /** A form that changes what a tab shows. @param array<string, string> $fields hidden ones @param string $inputs HTML */
    public static function filter(Request $request, string $tab, string $inputs): string
    {
        // A form drops the query of its address: what is in it goes along as fields.
        parse_str((string) parse_url($request->url($tab), PHP_URL_QUERY), $values);
        $hidden = '';
        foreach ($values as $name => $value) {
            $hidden .= '<input type="hidden" name="' . Html::text((string) $name) . '" value="' . Html::text((string) $value) . '">';
        }
        return '<form method="get" action="addonmodules.php" class="form-inline" style="margin-bottom:12px">'
            . "$hidden$inputs <button type=\"submit\" class=\"btn btn-default btn-sm\">Show</button></form>";
    }

    /** @param array<string, string> $options texts by values */
    public static function choice(string $name, string $label, array $options, string $chosen): string
    {
        $html = '';
        foreach ($options as $value => $text) {
            $mark = (string) $value === $chosen ? ' selected' : '';
            $html .= '<option value="' . Html::text((string) $value) . "\"$mark>" . Html::text($text) . '</option>';
        }
        $id = "whmeter-$name";
        return "<label for=\"$id\" style=\"margin-right:6px\">" . Html::text($label) . "</label><select id=\"$id\" name=\"$name\" class=\"form-control input-sm\" style=\"max-width:100%\">$html</select>";
    }

    /** Where a list goes on, and its beginning. */
    public static function onwards(Request $request, ?string $next, bool $isBeginning, string $key = 'cursor'): string
    {
        $links = [];
        if (!$isBeginning) {
            $links[] = self::link($request->here([$key => '']), 'From the beginning');
        }
        if ($next !== null) {
            $links[] = self::link($request->here([$key => $next]), 'More');
        }
        return $links === [] ? '' : '<p>' . implode(' · ', $links) . '</p>';
    }

    /** What is said over figures that are of before, or in their place. */
    public static function age(Answer $answer): string
    {
        if ($answer->trouble === '') {
            return '';
        }
        return $answer->askedAt === null
            ? self::notice('warning', "Nothing can be shown: $answer->trouble")
            : self::notice('warning', 'As whmeter said at ' . date('Y-m-d H:i', $answer->askedAt) . ". It does not answer now: $answer->trouble");
    }
}
