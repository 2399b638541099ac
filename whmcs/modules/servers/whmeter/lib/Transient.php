<?php
// What is remembered for a while only, in WHMCS's own transient data; without it nothing is.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Transient
{
    public static function find(string $name): ?array
    {
        $kept = self::store() === null ? null : self::store()->retrieve("whmeter.$name");
        $read = is_string($kept) ? json_decode($kept, true) : null;
        return is_array($read) ? $read : null;
    }

    public static function keep(string $name, array $what, int $seconds): void
    {
        if (self::store() !== null) {
            self::store()->store("whmeter.$name", json_encode($what, JSON_INVALID_UTF8_SUBSTITUTE), $seconds);
        }
    }

    private static function store(): ?object
    {
        return class_exists('WHMCS\TransientData') ? \WHMCS\TransientData::getInstance() : null;
    }
}
