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
        $html = self::chart('disk', $standing, $texts, $daily, self::days($standing, 'disk'))
            . self::chart('disk', $standing, $texts, $monthly, self::months($standing));
        foreach (Standing::TRAFFIC as $meter) {
            $html .= self::chart($meter, $standing, $texts, $daily, self::days($standing, $meter));
        }
        $isPartly = array_filter([...$standing->days, ...$standing->months], static fn ($point) => !$point['whole']);
        $html .= $html !== '' && $isPartly ? self::legend($texts) : '';
        return $html !== '' ? $html : '<p class="whmeter-nothing">' . $texts->html('no_history') . '</p>';
    }

    /** Nothing is drawn of what nothing is known of. */
    private static function chart(string $meter, Standing $standing, Texts $texts, string $span, array $columns): string
    {
        $known = array_filter(array_column($columns, 'value'), static fn ($value) => $value !== null);
        if (!$known) {
            return '';
        }
        $scale = Scale::of($standing->unit, $meter, $texts);
        [$factor, $unit] = $scale->at(max($known));
        foreach ($columns as &$column) {
            $value = $column['value'];
            $column['title'] = "{$column['at']}: " . ($value === null ? $texts->get('unknown') : $scale->text($value));
            $column['title'] .= $value !== null && !$column['whole'] ? " ({$texts->get('incomplete')})" : '';
            $column['value'] = $value === null ? null : $value * $factor;
        }
        $name = "{$texts->get($meter)}: $span";
        return '<h4 style="margin-top:1.2em">' . Html::text($name) . '</h4>' . Chart::svg($name, $columns, $unit);
    }

    /** What the two shades mean. */
    private static function legend(Texts $texts): string
    {
        $one = static fn (string $key, string $shade) => '<span style="white-space:nowrap;margin-inline-end:1.5em">'
            . "<span style=\"display:inline-block;width:0.8em;height:0.8em;background:#2e86c1;opacity:$shade;margin-inline-end:0.4em\"></span>"
            . "{$texts->html($key)}</span>";
        return '<p class="whmeter-legend">' . $one('complete', '1') . $one('incomplete', Chart::PARTLY) . '</p>';
    }

    /** Every day has its place, known or not, up to today or the last day reported. */
    private static function days(Standing $standing, string $meter): array
    {
        $last = max((string) array_key_last($standing->days), date('Y-m-d'));
        $columns = [];
        for ($back = self::DAYS - 1; $back >= 0; $back--) {
            $day = (new \DateTimeImmutable($last, new \DateTimeZone('UTC')))->modify("-$back days")->format('Y-m-d');
            $columns[] = self::column($day, substr($day, 8), $standing->days[$day] ?? null, $meter);
        }
        return $columns;
    }

    private static function months(Standing $standing): array
    {
        $columns = [];
        foreach (array_slice($standing->months, -self::MONTHS, null, true) as $month => $point) {
            $columns[] = self::column($month, $month, $point, 'disk_average');
        }
        return $columns;
    }

    private static function column(string $at, string $label, ?array $point, string $meter): array
    {
        return ['at' => $at, 'label' => $label, 'value' => $point[$meter] ?? null, 'whole' => $point['whole'] ?? false];
    }
}
