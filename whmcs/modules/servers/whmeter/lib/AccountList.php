<?php
// The accounts on a server's panels, for WHMCS's own Server Sync: what is there and not sold, and sold and not there.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class AccountList
{
    /** @throws Refused */
    public static function of(array $params): array
    {
        $query = ['server' => (int) ($params['serverid'] ?? 0)];
        $reported = (new Client($params))->get('/v1/whmcs/accounts', $query)['accounts'] ?? null;
        $accounts = [];
        foreach (is_array($reported) ? $reported : [] as $one) {
            $name = is_array($one) ? ($one['tenant'] ?? null) : null;
            if (is_string($name) && $name !== '') {
                $accounts[] = self::shape($name, $one);
            }
        }
        return $accounts;
    }

    private static function shape(string $name, array $one): array
    {
        $text = static fn (string $key) => is_string($one[$key] ?? null) ? $one[$key] : '';
        return [
            'name' => $text('account'),
            'email' => '',
            'username' => $name,
            'domain' => $text('domain'),
            'uniqueIdentifier' => $name,
            'product' => $text('package'),
            'primaryip' => '',
            'created' => date('Y-m-d H:i:s', is_int($one['first_seen'] ?? null) ? $one['first_seen'] : time()),
            'status' => ($one['suspended'] ?? null) === true ? 'Suspended' : 'Active',
        ];
    }
}
