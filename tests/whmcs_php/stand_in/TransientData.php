<?php
// WHMCS's transient data, in its table: texts that are forgotten after some seconds.

declare(strict_types=1);

namespace WHMCS;

use WHMCS\Database\Capsule;

final class TransientData
{
    public static function getInstance(): self
    {
        return new self();
    }

    public function store(string $name, string $data, int $life): bool
    {
        return Capsule::table('tbltransient_data')->updateOrInsert(['name' => $name], ['data' => $data, 'expires' => time() + $life]);
    }

    public function retrieve(string $name): ?string
    {
        $row = Capsule::table('tbltransient_data')->where('name', $name)->where('expires', '>', time())->first();
        return $row?->data;
    }
}
