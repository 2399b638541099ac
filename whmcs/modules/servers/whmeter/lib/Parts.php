<?php
// What a level is made of by the panel's own names, as whmeter was told of it last: buckets, guests.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Parts
{
    private const LONGEST_NAME = 200;

    private function __construct(
        /** @var array{string, string, float}[] account (empty where there is one only), name, value; the largest first */
        public readonly array $named,
        /** How many more there are, and what they come to. */
        public readonly int $others,
        public readonly float $othersValue,
        public readonly int $readAt,
        /** Whether they come to another number than the level. */
        public readonly bool $differs,
    ) {
    }

    /** @param mixed $answered the parts of one metric; what is misshapen is left out */
    public static function of($answered): ?self
    {
        if (!is_array($answered) || !is_int($answered['read_at'] ?? null) || !is_array($answered['list'] ?? null)) {
            return null;
        }
        $named = [];
        foreach ($answered['list'] as $one) {
            $value = is_array($one) ? Values::number($one['value'] ?? null) : null;
            if ($value !== null && is_string($one['name'] ?? null)) {
                $account = is_string($one['account'] ?? null) ? $one['account'] : '';
                $named[] = [$account, substr($one['name'], 0, self::LONGEST_NAME), $value];
            }
        }
        $others = is_array($answered['others'] ?? null) ? $answered['others'] : [];
        $count = is_int($others['count'] ?? null) ? max(0, $others['count']) : 0;
        $value = Values::number($others['value'] ?? null) ?? 0.0;
        return new self($named, $count, $value, $answered['read_at'], ($answered['differs'] ?? false) === true);
    }

    /** @return array{array{string, string, float}[], int, float} the largest so many, and how many others hold what */
    public function largest(int $most): array
    {
        $small = array_slice($this->named, $most);
        return [array_slice($this->named, 0, $most), $this->others + count($small), $this->othersValue + array_sum(array_column($small, 2))];
    }
}
