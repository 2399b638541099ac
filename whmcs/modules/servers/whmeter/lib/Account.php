<?php
// Which account on which server a service is about, and the questions whmeter answers of one account.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Account
{
    private const KEPT_SECONDS = 86400;

    private function __construct(private string $name, private int $server)
    {
    }

    /** From what WHMCS says of the service: nothing of the browser's request is looked at. @throws Refused */
    public static function of(array $params): ?self
    {
        // A service of another module is metered on its own server, and asked for at whmeter's entry.
        $server = (int) ($params['metered'] ?? $params['serverid'] ?? 0);
        return self::named($params['username'] ?? '', $server);
    }

    /** @param mixed $username as WHMCS stores it @throws Refused where several living services have it */
    public static function named($username, int $server): ?self
    {
        $name = Stored::text($username);
        if ($name === '') {
            return null;
        }
        Namesakes::refuse($name, Namesakes::on($server, $name)[$name] ?? []);
        return new self($name, $server);
    }

    /** For WHMCS to bill, so by the month of its own clock. @throws Refused */
    public function collect(Client $client): array
    {
        return $client->collect($this->path('usage'), ['server' => $this->server, 'month' => date('Y-m')]);
    }

    /** The same to be looked at only. @throws Refused */
    public function look(Client $client): array
    {
        return $client->get($this->path('usage'), ['server' => $this->server]);
    }

    /** What the last look has shown; nothing that is older than a day. */
    public function lastLook(): ?array
    {
        $find = fn () => Transient::find($this->kept());
        return Safely::run('last look', [], $find, static fn () => null);
    }

    public function keepLook(array $look): void
    {
        $keep = fn () => Transient::keep($this->kept(), $look, self::KEPT_SECONDS);
        Safely::run('last look', [], $keep, static fn () => null);
    }

    private function kept(): string
    {
        return 'look.' . md5("$this->server/$this->name");
    }

    /** @throws Refused */
    public function history(Client $client): array
    {
        return $client->get($this->path('history'), ['server' => $this->server, 'days' => 365]);
    }

    /** @throws Refused */
    public function recalculate(Client $client): void
    {
        $client->post($this->path('recalc'), ['server' => $this->server]);
    }

    /** @throws Refused */
    public function policy(Client $client, array $wish): void
    {
        $client->order($this->path('policy'), ['server' => $this->server], $wish, Staff::name());
    }

    private function path(string $question): string
    {
        return "/v1/whmcs/$question/" . Client::part($this->name);
    }
}
