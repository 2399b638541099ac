<?php
// Asks whmeter for what is of all servers, by the staff token of a server entry; nobody waits long for a page.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\Client;
use WHMCS\Module\Server\Whmeter\Refused;
use WHMCS\Module\Server\Whmeter\Safely;
use WHMCS\Module\Server\Whmeter\Servers;
use WHMCS\Module\Server\Whmeter\Staff;
use WHMCS\Module\Server\Whmeter\Transient;

final class Daemon
{
    /** All questions of one page together, and of one button. */
    private const PAGE_SECONDS = 2.0;
    private const BUTTON_SECONDS = 5.0;
    private const KEPT_SECONDS = 86400;
    /** Longer answers are not kept: WHMCS keeps what is transient in its database. */
    private const KEPT_BYTES = 200000;

    private array $params = [];
    private ?Client $client = null;

    public function __construct(public readonly int $entry)
    {
    }

    /** An answer that is an object. */
    public function read(string $path, array $query = []): Answer
    {
        return $this->asked($path, $query, static fn (Client $client) => $client->read($path, $query));
    }

    /** An answer that is a list of rows. */
    public function rows(string $path, array $query): Answer
    {
        return $this->asked($path, $query, static fn (Client $client) => $client->rows($path, $query));
    }

    /** Has something done, in the name of whoever is logged in. @throws Refused @throws \RuntimeException */
    public function order(string $path, array $body): array
    {
        $this->params = Servers::staffParams($this->entry);
        return Client::ofStaff($this->params, self::BUTTON_SECONDS)->order($path, [], $body, Staff::name());
    }

    /** What a failure says to staff, without secrets. */
    public function trouble(\Throwable $error): string
    {
        Safely::log('page of staff', $this->params ?: ['serverid' => $this->entry], $error);
        $said = Safely::message($this->params, $error);
        $status = $error instanceof Refused ? $error->status : 0;
        return in_array($status, [401, 403], true)
            ? "$said. The password of server entry $this->entry must be a token with the scopes read and admin, and without a server."
            : $said;
    }

    private function asked(string $path, array $query, callable $ask): Answer
    {
        $kept = 'staff.' . md5("$this->entry $path " . http_build_query($query));
        try {
            $body = $ask($this->client());
        } catch (\Throwable $error) {
            $isAway = $error instanceof Refused && ($error->status === 0 || $error->status >= 500);
            $last = $isAway ? Safely::run('last answer', [], static fn () => Transient::find($kept), static fn () => null) : null;
            $isWhole = is_array($last['body'] ?? null) && is_int($last['at'] ?? null);
            return new Answer($isWhole ? $last['body'] : null, $isWhole ? $last['at'] : null, $this->trouble($error));
        }
        $isShort = strlen((string) json_encode($body, JSON_INVALID_UTF8_SUBSTITUTE)) <= self::KEPT_BYTES;
        $keep = static fn () => $isShort ? Transient::keep($kept, ['at' => time(), 'body' => $body], self::KEPT_SECONDS) : null;
        Safely::run('last answer', [], $keep, static fn () => null);
        return new Answer($body, null, '');
    }

    private function client(): Client
    {
        if ($this->client === null) {
            $this->params = Servers::staffParams($this->entry);
            $this->client = Client::ofStaff($this->params, self::PAGE_SECONDS);
        }
        return $this->client;
    }
}
