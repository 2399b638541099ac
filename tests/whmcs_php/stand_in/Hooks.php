<?php
// WHMCS's hooks: who has registered for a point is called there, in the order of the priorities.

declare(strict_types=1);

namespace StandIn;

final class Hooks
{
    /** @var array<string, array<int, callable[]>> */
    private static array $work = [];

    public static function add(string $point, int $priority, callable $work): void
    {
        self::$work[$point][$priority][] = $work;
    }

    /** @return array what each has answered */
    public static function run(string $point, array $vars = []): array
    {
        $all = self::$work[$point] ?? [];
        ksort($all);
        return array_map(static fn (callable $work) => $work($vars), array_merge(...array_values($all)));
    }
}
