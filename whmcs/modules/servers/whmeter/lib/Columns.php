<?php
// What the tables of this WHMCS have: it has been adding columns with almost every version.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Columns
{
    /** @return string[] those of the wanted ones that are there; none of a table that is not */
    public static function present(string $table, array $wanted): array
    {
        $there = static fn () => Capsule::schema()->getColumnListing($table);
        // What can be done without is left out, also when it is unknown whether it is there.
        return array_values(array_intersect($wanted, Safely::run("columns of $table", [], $there, static fn () => [])));
    }

    public static function hasAll(string $table, array $wanted): bool
    {
        return count(self::present($table, $wanted)) === count($wanted);
    }
}
