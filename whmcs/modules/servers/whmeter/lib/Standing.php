<?php
// How an account stands: values, limits, policy, history; each null where it is not known.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Standing
{
    public const TRAFFIC = ['traffic_in', 'traffic_out', 'traffic_total'];
    private const METERS = ['disk', ...self::TRAFFIC];
    /** Why nothing is known, in whmeter's words. */
    private const WITHHELD = ['stale', 'never_read', 'ambiguous', 'failed', 'missing', 'ended', 'companion', 'not_billed_yet', 'other_server'];

    private function __construct(
        public readonly Values $values,
        private array $limits,
        public readonly ?string $policy,
        public readonly bool $pinned,
        public readonly array $days,
        public readonly array $months,
        public readonly ?string $withheld,
        /** Whether whmeter did not answer, and this is what it said before. */
        public readonly bool $isOld,
        /** What whmeter says of its unit. */
        public readonly array $unit,
        /** @var array<string, array{float, int, float}> what WHMCS was given last in this month, by metric, when, and what of it was carried */
        public readonly array $reported,
        /** What the level is made of; null where its panel names nothing. */
        public readonly ?Parts $parts,
        /** @var array<string, string> what the running month costs so far by whmeter's prices, by meter, with the currency */
        public readonly array $soFar,
    ) {
    }

    /** @param array $usage, $history whmeter's answers */
    public static function of(array $usage, array $history, bool $isOld = false): self
    {
        $limits = is_array($usage['limits'] ?? null) ? $usage['limits'] : [];
        $policy = $usage['policy'] ?? null;
        $why = is_array($usage['withheld'] ?? null) ? $usage['withheld']['reason'] ?? null : null;
        return new self(
            Values::own($usage['values'] ?? null),
            array_map([Values::class, 'number'], array_intersect_key($limits, array_flip(self::METERS))),
            in_array($policy, ['standard', 'limited'], true) ? $policy : null,
            in_array($usage['pinned'] ?? null, ['standard', 'limited'], true),
            self::points($history['days'] ?? null, 'day', '/^\d{4}-\d\d-\d\d$/D'),
            self::points($history['months'] ?? null, 'month', '/^\d{4}-\d\d$/D'),
            in_array($why, self::WITHHELD, true) ? $why : null,
            $isOld,
            is_array($usage['unit'] ?? null) ? $usage['unit'] : [],
            self::reported($usage['reported'] ?? null),
            Parts::of($usage['parts']['disk'] ?? null),
            self::soFar($usage['so_far'] ?? null),
        );
    }

    /** @param mixed $reported the "reported" of an answer */
    private static function reported($answered): array
    {
        $reported = [];
        foreach (is_array($answered) ? $answered : [] as $metric => $one) {
            $value = is_array($one) ? Values::number($one['value'] ?? null) : null;
            if ($value !== null && is_int($one['at'] ?? null) && preg_match('/^[a-z_]{1,30}$/D', (string) $metric)) {
                $reported[$metric] = [$value, $one['at'], self::carried($one['carried'] ?? null)];
            }
        }
        return $reported;
    }

    /** What the month before lacked, or below zero had too much; nothing where that is not said. */
    private static function carried($said): float
    {
        return is_numeric($said) ? (float) $said : 0.0;
    }

    /** @param mixed $answered the "so_far" of an answer */
    private static function soFar($answered): array
    {
        $costs = [];
        foreach (is_array($answered) ? $answered : [] as $one) {
            [$meter, $amount, $currency] = [$one['meter'] ?? null, $one['amount'] ?? null, $one['currency'] ?? null];
            $isMoney = is_string($amount) && preg_match('/^\d{1,15}(\.\d{1,4})?$/D', $amount) && is_string($currency) && preg_match('/^[A-Z]{3}$/D', $currency);
            if ($isMoney && in_array($meter, ['storage', ...self::TRAFFIC], true)) {
                $costs[$meter === 'storage' ? 'disk' : $meter] = "$amount $currency";
            }
        }
        return $costs;
    }

    /** In the unit of the values; zero is unlimited. */
    public function limit(string $meter): ?float
    {
        return $this->limits[$meter] ?? null;
    }

    /** Used of the limit in percent. */
    public function percent(string $meter): ?float
    {
        [$used, $limit] = [$this->values->get($meter), $this->limit($meter)];
        return $used !== null && $limit > 0 ? 100 * $used / $limit : null;
    }

    /** Whether this account is measured by the meter at all, now or in its history. */
    public function has(string $meter): bool
    {
        $everKnown = array_filter(array_column($this->days, $meter), static fn ($value) => $value !== null);
        return $this->values->get($meter) !== null || $this->limit($meter) !== null || $everKnown !== [];
    }

    /** Points by day or month; what is misshapen is left out. */
    private static function points($reported, string $key, string $shape): array
    {
        $points = [];
        foreach (is_array($reported) ? $reported : [] as $point) {
            $at = is_array($point) ? ($point[$key] ?? null) : null;
            if (is_string($at) && preg_match($shape, $at)) {
                $points[$at] = ['whole' => ($point['complete'] ?? false) === true];
                foreach (['disk_average', ...self::METERS] as $name) {
                    $points[$at][$name] = Values::number($point[$name] ?? null);
                }
            }
        }
        ksort($points);
        return $points;
    }
}
