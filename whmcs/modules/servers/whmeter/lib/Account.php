<?php
// Which account on which server a service is about, and the questions whmeter answers of one account.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Account
{
    private function __construct(public readonly string $name, public readonly int $server)
    {
    }

    /** From what WHMCS says of the service: nothing of the browser's request is looked at. */
    public static function of(array $params): ?self
    {
        $server = (int) ($params['metered'] ?? $params['serverid'] ?? 0);
        return self::named((string) ($params['username'] ?? ''), $server);
    }

    /** @param string $username as WHMCS stores it; a companion's stands for its parent's account */
    public static function named(string $username, int $server): ?self
    {
        if (Companions::parentId($username) !== null) {
            $parent = Companions::parent($username, $server);
            return $parent ? new self((string) $parent->username, (int) $parent->server) : null;
        }
        return $username === '' ? null : new self($username, $server);
    }

    /** @throws Refused */
    public function usage(Client $client): array
    {
        return $client->get('/v1/whmcs/usage/' . Client::part($this->name), ['server' => $this->server]);
    }

    /** @throws Refused */
    public function history(Client $client): array
    {
        $query = ['server' => $this->server, 'days' => 365];
        return $client->get('/v1/whmcs/history/' . Client::part($this->name), $query);
    }

    /** @throws Refused */
    public function recalculate(Client $client): void
    {
        $client->post('/v1/whmcs/recalc/' . Client::part($this->name), ['server' => $this->server]);
    }

    /** @throws Refused */
    public function policy(Client $client, array $wish): void
    {
        $client->order('/v1/whmcs/policy/' . Client::part($this->name), ['server' => $this->server], $wish);
    }
}
