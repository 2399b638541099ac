<?php
// whmeter's values as they are shown: numbers in their unit, or null for what is not known.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Values
{
    private function __construct(private array $values, public readonly ?int $newest)
    {
    }

    /** @param mixed $reported the "values" of an answer */
    public static function read($reported): self
    {
        $values = [];
        $newest = null;
        foreach (is_array($reported) ? $reported : [] as $name => $one) {
            $number = is_array($one) ? self::number($one['value'] ?? null) : null;
            if ($number !== null) {
                $values[$name] = $number;
                $at = $one['collected_at'] ?? null;
                $newest = is_int($at) ? max($at, $newest ?? $at) : $newest;
            }
        }
        return new self($values, $newest);
    }

    /** @param mixed $reported the same, less what a month carries of the one before: what it has used itself */
    public static function own($reported): self
    {
        $own = self::read($reported);
        foreach ($own->values as $name => $value) {
            $carried = self::carried($reported[$name]['carried'] ?? null);
            // More was taken off than there is: how much there was is not reported.
            $own->values[$name] = $carried < 0 && $value <= 0 ? null : max(0.0, $value - $carried);
        }
        return $own;
    }

    private static function carried($text): float
    {
        $isDebt = is_string($text) && str_starts_with($text, '-');
        $size = self::number($isDebt ? substr($text, 1) : $text) ?? 0.0;
        return $isDebt ? -$size : $size;
    }

    /** A decimal string such as "93.41000". Nothing else is a number: not "", not "1e9", not "-1", not NAN. */
    public static function number($text): ?float
    {
        return is_string($text) && preg_match('/^\d{1,20}(\.\d{1,5})?$/D', $text) ? (float) $text : null;
    }

    public function get(string $name): ?float
    {
        return $this->values[$name] ?? null;
    }
}
