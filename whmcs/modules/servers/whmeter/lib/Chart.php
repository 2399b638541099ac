<?php
// A column chart as inline SVG: no script, no other host, readable by screen readers.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Chart
{
    /** How much lighter a column is of which part of the time is missing. */
    public const PARTLY = '0.5';

    /** Small, so that on a phone, where it is as wide as the page, its texts can be read still. */
    private const WIDTH = 400;
    private const HEIGHT = 180;
    private const LEFT = 68;
    private const TOP = 10;
    private const BOTTOM = 24;
    /** What a character takes of the width, generously. */
    private const CHARACTER = 7.5;

    /**
     * @param array $columns each with "label" (under it), "title" (shown on touch), "value" (null: no column, as it
     *                       is not known) and "whole" (false: drawn lighter, as part of the time is missing)
     * @param string $unit of the values
     */
    public static function svg(string $name, array $columns, string $unit): string
    {
        $known = array_filter(array_column($columns, 'value'), static fn ($value) => $value !== null);
        $top = self::ceiling($known ? max($known) : 0.0);
        $name = Html::text($name);
        $size = sprintf('viewBox="0 0 %d %d"', self::WIDTH, self::HEIGHT);
        $parts = [self::grid($top, $unit)];
        $every = self::every($columns);
        foreach (array_values($columns) as $place => $column) {
            // Counted from the newest, which is looked for first.
            $column['label'] = (count($columns) - 1 - $place) % $every === 0 ? $column['label'] : '';
            $parts[] = self::column($place, count($columns), $column, $top);
        }
        // Time runs from left to right, in right-to-left languages too, as on every axis of theirs.
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"whmeter-chart\" role=\"img\" aria-label=\"$name\" $size "
            . 'direction="ltr" style="width:100%;max-width:520px;height:auto;direction:ltr" '
            . 'font-family="sans-serif" font-size="12" fill="currentColor">'
            . "<title>$name</title>" . implode('', $parts) . '</svg>';
    }

    /** How many columns apart the labels must be, so that none runs into the next. */
    private static function every(array $columns): int
    {
        $longest = max([1, ...array_map(static fn ($column) => strlen((string) $column['label']), $columns)]);
        $step = (self::WIDTH - self::LEFT) / max(1, count($columns));
        return max(1, (int) ceil(($longest + 1) * self::CHARACTER / $step));
    }

    private static function grid(float $top, string $unit): string
    {
        $lines = '';
        foreach ([0, 0.5, 1] as $share) {
            $y = self::y($share);
            $lines .= sprintf(
                '<line x1="%d" x2="%d" y1="%.1F" y2="%.1F" stroke="currentColor" stroke-opacity="0.2"/>',
                self::LEFT,
                self::WIDTH,
                $y,
                $y
            );
            $text = Html::text(self::tick($top * $share) . " $unit");
            $lines .= sprintf('<text x="%d" y="%.1F" text-anchor="end">%s</text>', self::LEFT - 6, $y + 4, $text);
        }
        return $lines;
    }

    private static function column(int $place, int $count, array $column, float $top): string
    {
        $step = (self::WIDTH - self::LEFT) / max(1, $count);
        $width = min($step * 0.72, 48.0);
        $middle = self::LEFT + $step * ($place + 0.5);
        $label = (string) $column['label'] === '' ? '' : sprintf(
            '<text class="whmeter-label" x="%.1F" y="%d" text-anchor="middle">%s</text>',
            // The last one would stand out of the picture.
            min($middle, self::WIDTH - strlen((string) $column['label']) * self::CHARACTER / 2),
            self::HEIGHT - 8,
            Html::text((string) $column['label'])
        );
        if ($column['value'] === null) {
            return $label;
        }
        $y = self::y($column['value'] / $top);
        return $label . sprintf(
            '<rect class="whmeter-column" x="%.1F" y="%.1F" width="%.1F" height="%.1F" fill="#2e86c1" fill-opacity="%s"><title>%s</title></rect>',
            $middle - $width / 2,
            $y,
            $width,
            self::y(0) - $y,
            $column['whole'] ? '1' : self::PARTLY,
            Html::text((string) $column['title'])
        );
    }

    private static function y(float $share): float
    {
        return self::TOP + (self::HEIGHT - self::TOP - self::BOTTOM) * (1 - $share);
    }

    /** The next 1, 2 or 5 with noughts that nothing is higher than. */
    private static function ceiling(float $highest): float
    {
        if ($highest <= 0) {
            return 1.0;
        }
        $power = 10 ** floor(log10($highest));
        foreach ([1, 2, 5] as $step) {
            if ($highest <= $step * $power) {
                return (float) ($step * $power);
            }
        }
        return (float) (10 * $power);
    }

    private static function tick(float $value): string
    {
        $places = $value > 0 && $value < 10 ? ($value < 0.1 ? 5 : 2) : 0;
        $text = number_format($value, $places, '.', '');
        return $places ? rtrim(rtrim($text, '0'), '.') : $text;
    }
}
