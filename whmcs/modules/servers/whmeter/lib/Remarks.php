<?php
// What is not right with a server's list, for whmeter to say where its operator looks: companions, and sizes nobody can read.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Remarks
{
    /**
     * @param array<int, string[]> $unread by service what was written as a size and is none
     * @param array<int, true> $services those of the list
     * @return array[] about, said, and the service where it is one's
     */
    public static function of(array $unread, array $services): array
    {
        return [...self::sizes($unread), ...self::companions($services)];
    }

    /** A product's size is many services': said once, and of none of them. */
    private static function sizes(array $unread): array
    {
        $by = [];
        foreach ($unread as $service => $texts) {
            foreach ($texts as $said) {
                $by[$said][] = $service;
            }
        }
        $remark = static fn (string $said, array $of) => ['about' => 'sizes', 'said' => $said] + (count($of) === 1 ? ['service' => $of[0]] : []);
        return array_map($remark, array_map('strval', array_keys($by)), $by);
    }

    private static function companions(array $services): array
    {
        if (Settings::table('companions') === []) {
            return [];
        }
        $its = array_filter(CompanionRounds::differences(), static fn ($one) => isset($services[$one['service']]) || isset($services[$one['companion']]));
        $remark = static fn (array $one) => ['about' => 'companions', 'service' => $one['service'], 'said' => $one['said']];
        return array_values(array_map($remark, $its));
    }
}
