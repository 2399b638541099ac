<?php
// WHMCS's transient data, in memory: texts that are forgotten after some seconds.

namespace WHMCS;

final class TransientData
{
    /** @var array<string, array{string, int}> */
    public static array $kept = [];

    public static function getInstance(): self
    {
        return new self();
    }

    public function store(string $name, string $data, int $life): bool
    {
        self::$kept[$name] = [$data, time() + $life];
        return true;
    }

    public function retrieve(string $name): ?string
    {
        [$data, $until] = self::$kept[$name] ?? [null, 0];
        return $until > time() ? $data : null;
    }
}
