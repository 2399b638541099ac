<?php
// How an account stands: used, limit, share, traffic, policy; each null where it is not known.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Standing
{
    private function __construct(
        public readonly Values $values,
        public readonly ?float $limit,
        public readonly bool $unlimited,
        public readonly ?string $policy,
        public readonly bool $pinned,
        public readonly array $days,
        public readonly array $months,
    ) {
    }

    /**
     * @param array $usage, $history whmeter's answers
     * @param array $sold limits in bytes that the product says, for where whmeter says none
     */
    public static function of(array $usage, array $history, array $sold): self
    {
        $told = is_array($usage['limits'] ?? null) ? Values::number($usage['limits']['disk'] ?? null) : null;
        $bytes = $sold['storage'] ?? null;
        $limit = $told ?? ($bytes ? Size::inUnits($bytes) : null);
        $policy = $usage['policy'] ?? null;
        return new self(
            Values::read($usage['values'] ?? null),
            $limit,
            $told === null && $bytes === 0,
            in_array($policy, ['standard', 'limited'], true) ? $policy : null,
            in_array($usage['pinned'] ?? null, ['standard', 'limited'], true),
            self::points($history['days'] ?? null, 'day', '/^\d{4}-\d\d-\d\d$/D'),
            self::points($history['months'] ?? null, 'month', '/^\d{4}-\d\d$/D'),
        );
    }

    /** Used of the limit in percent. */
    public function percent(): ?float
    {
        $used = $this->values->get('disk');
        return $used !== null && $this->limit !== null && $this->limit > 0 ? 100 * $used / $this->limit : null;
    }

    /** Points by day or month; what is misshapen is left out. */
    private static function points($told, string $key, string $shape): array
    {
        $points = [];
        foreach (is_array($told) ? $told : [] as $point) {
            $at = is_array($point) ? ($point[$key] ?? null) : null;
            if (is_string($at) && preg_match($shape, $at)) {
                $points[$at] = ['whole' => ($point['complete'] ?? false) === true];
                foreach (['disk', 'disk_average', 'traffic_in', 'traffic_out', 'traffic_total'] as $name) {
                    $points[$at][$name] = Values::number($point[$name] ?? null);
                }
            }
        }
        ksort($points);
        return $points;
    }
}
