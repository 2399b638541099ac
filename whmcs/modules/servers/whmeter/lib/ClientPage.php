<?php
// What the customer sees of one service: figures, charts and a button.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class ClientPage
{
    /** @param int|null $button the service whose figures the button reads again; null for no button */
    public static function html(Standing $standing, Texts $texts, ?int $button): string
    {
        $rows = '';
        foreach (self::rows($standing, $texts) as $label => $value) {
            $rows .= "<tr><th scope=\"row\" style=\"text-align:start;vertical-align:top;padding-inline-end:1.5em\">"
                . Html::text(self::label($label, $texts)) . "</th><td>$value</td></tr>";
        }
        $old = $standing->isOld ? "<p class=\"alert alert-info\">{$texts->html('as_of_last')}</p>" : '';
        $button = $button === null ? '' : self::button($button, $texts);
        $parts = $standing->parts === null ? '' : PartsTable::html($standing->parts, $standing, $texts);
        return self::framed($texts, "$old<table class=\"table whmeter-figures\">$rows</table>$button$parts" . Charts::html($standing, $texts));
    }

    /** Where there is nothing to show: the reason, without what is behind it. */
    public static function sorry(string $why, Texts $texts): string
    {
        return self::framed($texts, "<p class=\"alert alert-info\">{$texts->html($why)}</p>");
    }

    /** @return array<string, string> HTML by the key of its label */
    public static function rows(Standing $standing, Texts $texts): array
    {
        $traffic = array_filter(Standing::TRAFFIC, [$standing, 'has']);
        // A service that only moves data has no disk to speak of; one of which nothing is known says so.
        $rows = $standing->has('disk') || !$traffic ? self::disk($standing, $texts) : [];
        foreach ($traffic as $meter) {
            $rows[$meter] = self::traffic($meter, $standing, $texts);
        }
        $newest = $standing->values->newest;
        return $rows + ['last_reading' => $newest === null ? $texts->html('unknown') : Html::kept(date('Y-m-d H:i', $newest))];
    }

    /** What a row is called. */
    public static function label(string $row, Texts $texts): string
    {
        return $texts->get($row) . (in_array($row, Standing::TRAFFIC, true) ? " ({$texts->get('this_month')})" : '');
    }

    private static function disk(Standing $standing, Texts $texts): array
    {
        $scale = Scale::of($standing->unit, 'disk', $texts);
        [$used, $limit] = [$standing->values->get('disk'), $standing->limit('disk')];
        $percent = $standing->percent('disk');
        $rows = [
            'used' => Html::amount($used, $scale, $texts),
            'limit' => $limit === 0.0 ? $texts->html('unlimited') : Html::amount($limit, $scale, $texts),
        ];
        if ($percent !== null) {
            $rows['free'] = Html::amount(max(0.0, $limit - $used), $scale, $texts);
        }
        $rows['percent'] = ($percent === null ? $texts->html('unknown') : Html::percent($percent)) . self::limitDay('disk', $standing, $texts);
        return $rows;
    }

    /** Used, and where there is a limit that and the share; under it what becomes of it. */
    private static function traffic(string $meter, Standing $standing, Texts $texts): string
    {
        $scale = Scale::of($standing->unit, $meter, $texts);
        $used = Html::amount($standing->values->get($meter), $scale, $texts);
        $limit = $standing->limit($meter);
        $percent = $standing->percent($meter);
        $expected = $standing->isOld ? null : Outlook::monthEnd($standing, $meter, self::readAt($standing));
        return $used . ($limit > 0 ? ' / ' . Html::amount($limit, $scale, $texts) : '')
            . ($percent === null ? '' : ' · ' . Html::percent($percent))
            . ($expected === null ? '' : "<div><small>{$texts->html('projected')}: " . Html::kept($scale->text($expected)) . '</small></div>')
            . self::limitDay($meter, $standing, $texts);
    }

    /** What was used is what it was at the last reading: it goes on from there. */
    private static function readAt(Standing $standing): int
    {
        return $standing->values->newest ?? time();
    }

    private static function limitDay(string $meter, Standing $standing, Texts $texts): string
    {
        $day = $standing->isOld ? null : Outlook::limitDay($standing, $meter, self::readAt($standing));
        return $day === null ? '' : "<div><small>{$texts->html('limit_on')}: " . Html::kept($day) . '</small></div>';
    }

    private static function button(int $service, Texts $texts): string
    {
        return '<form method="post" action="clientarea.php?action=productdetails" style="margin:1em 0">'
            . "<input type=\"hidden\" name=\"id\" value=\"$service\">"
            . '<input type="hidden" name="modop" value="custom"><input type="hidden" name="a" value="recalc">' . self::token()
            . "<button type=\"submit\" class=\"btn btn-default btn-secondary\">{$texts->html('recalculate')}</button></form>";
    }

    /** WHMCS's own token of the session: a form that another site has made lacks it. */
    private static function token(): string
    {
        $token = function_exists('generate_token') ? (string) \generate_token('plain') : '';
        return $token === '' ? '' : '<input type="hidden" name="token" value="' . Html::text($token) . '">';
    }

    private static function framed(Texts $texts, string $html): string
    {
        return "<div class=\"whmeter\" dir=\"{$texts->direction()}\" style=\"text-align:start\">"
            . "<h3>{$texts->html('title')}</h3>$html</div>";
    }
}
