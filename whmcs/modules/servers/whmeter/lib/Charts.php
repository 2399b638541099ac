<?php
// The charts of one account: the last thirty days and the averages per month.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Charts
{
    private const DAYS = 30;
    private const MONTHS = 12;

    public static function html(Standing $standing, Texts $texts): string
    {
        $daily = $texts->get('last_30_days');
        $monthly = $texts->get('monthly_average');
        $html = self::chart($texts, "{$texts->get('disk')}: $daily", self::days($standing, 'disk', $texts))
            . self::chart($texts, "{$texts->get('disk')}: $monthly", self::months($standing, $texts));
        foreach (Standing::TRAFFIC as $meter) {
            $html .= self::chart($texts, "{$texts->get($meter)}: $daily", self::days($standing, $meter, $texts));
        }
        return $html !== '' ? $html : '<p class="whmeter-nothing">' . $texts->html('no_history') . '</p>';
    }

    /** Nothing is drawn of what nothing is known of. */
    private static function chart(Texts $texts, string $name, array $columns): string
    {
        $known = array_filter(array_column($columns, 'value'), static fn ($value) => $value !== null);
        return $known ? '<h4>' . Html::text($name) . '</h4>' . Chart::svg($name, $columns) : '';
    }

    /** Every day has its place, known or not, up to today or the last day reported. */
    private static function days(Standing $standing, string $meter, Texts $texts): array
    {
        $last = max((string) array_key_last($standing->days), date('Y-m-d'));
        $columns = [];
        for ($back = self::DAYS - 1; $back >= 0; $back--) {
            $day = (new \DateTimeImmutable($last, new \DateTimeZone('UTC')))->modify("-$back days")->format('Y-m-d');
            $columns[] = self::column($day, substr($day, 8), $standing->days[$day] ?? null, $meter, $texts);
        }
        return $columns;
    }

    private static function months(Standing $standing, Texts $texts): array
    {
        $columns = [];
        foreach (array_slice($standing->months, -self::MONTHS, null, true) as $month => $point) {
            $columns[] = self::column($month, $month, $point, 'disk_average', $texts);
        }
        return $columns;
    }

    private static function column(string $at, string $label, ?array $point, string $meter, Texts $texts): array
    {
        $value = $point[$meter] ?? null;
        $whole = $point['whole'] ?? false;
        $title = $at . ': ' . ($value === null ? $texts->get('unknown') : Html::plain($value));
        $title .= $value !== null && !$whole ? " ({$texts->get('incomplete')})" : '';
        return ['label' => $label, 'title' => $title, 'value' => $value, 'whole' => $whole];
    }
}
