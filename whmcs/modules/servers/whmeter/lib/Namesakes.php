<?php
// Which living services of one server go by one username: whose the account is nobody can say then.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Namesakes
{
    private const LIVING = ['Active', 'Suspended'];

    /**
     * @param string|null $username of this name only; WHMCS itself knows no difference between a and A, whmeter does
     * @return array<string, int[]> the living services by the names that several have
     */
    public static function on(int $server, ?string $username = null): array
    {
        return array_filter(self::living($server, $username), static fn ($same) => count($same) > 1);
    }

    /** @return int[] the living services of this name, in whatever case it is written */
    public static function of(int $server, string $username): array
    {
        return array_merge(...array_values(self::living($server, $username)));
    }

    /** @return array<string, int[]> */
    private static function living(int $server, ?string $username): array
    {
        $found = Capsule::table('tblhosting')->where('server', $server)->whereIn('domainstatus', self::LIVING);
        $found = $username === null ? $found : $found->where('username', $username);
        $ids = [];
        foreach ($found->get(['id', 'username']) as $row) {
            $name = Stored::text($row->username);
            if ($name !== '') {
                $ids[$name][] = (int) $row->id;
            }
        }
        return $ids;
    }

    /** @param int[] $services @throws Refused where there is more than one */
    public static function refuse(string $username, array $services): void
    {
        if (count($services) > 1) {
            $list = implode(', ', $services);
            throw new Refused("the services $list have the username $username: whose the account is is ambiguous", 409);
        }
    }
}
