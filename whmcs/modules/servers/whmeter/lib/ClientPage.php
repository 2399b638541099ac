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
            $rows .= "<tr><th scope=\"row\" style=\"text-align:start\">{$texts->html($label)}</th><td>$value</td></tr>";
        }
        return self::framed($texts, Html::bar($standing->percent())
            . "<table class=\"table whmeter-figures\">$rows</table>"
            . ($button === null ? '' : self::button($button, $texts))
            . Charts::html($standing, $texts));
    }

    /** Where there is nothing to show: the reason, without what is behind it. */
    public static function sorry(string $why, Texts $texts): string
    {
        return self::framed($texts, "<p class=\"alert alert-info\">{$texts->html($why)}</p>");
    }

    /** @return array<string, string> HTML by the key of its label */
    public static function rows(Standing $standing, Texts $texts): array
    {
        $rows = [
            'used' => Html::amount($standing->values->get('disk'), $texts),
            'limit' => $standing->unlimited ? $texts->html('unlimited') : Html::amount($standing->limit, $texts),
            'percent' => self::percent($standing->percent(), $texts),
        ];
        foreach (['traffic_in', 'traffic_out', 'traffic_total'] as $meter) {
            if ($standing->values->get($meter) !== null) {
                $rows[$meter] = Html::amount($standing->values->get($meter), $texts);
            }
        }
        $newest = $standing->values->newest;
        $at = $newest === null ? $texts->html('unknown') : '<bdi dir="ltr">' . date('Y-m-d H:i', $newest) . '</bdi>';
        return $rows + ['last_reading' => $at];
    }

    private static function percent(?float $percent, Texts $texts): string
    {
        return $percent === null ? $texts->html('unknown') : sprintf('<bdi dir="ltr">%.1F %%</bdi>', $percent);
    }

    private static function button(int $service, Texts $texts): string
    {
        return '<form method="post" action="clientarea.php?action=productdetails">'
            . "<input type=\"hidden\" name=\"id\" value=\"$service\">"
            . '<input type="hidden" name="modop" value="custom"><input type="hidden" name="a" value="recalc">'
            . "<button type=\"submit\" class=\"btn btn-default btn-secondary\">{$texts->html('recalculate')}</button></form>";
    }

    private static function framed(Texts $texts, string $html): string
    {
        return "<div class=\"whmeter\" dir=\"{$texts->direction()}\" style=\"text-align:start\">"
            . "<h3>{$texts->html('title')}</h3>$html</div>";
    }
}
