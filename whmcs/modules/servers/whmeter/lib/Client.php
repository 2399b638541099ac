<?php
// Asks whmeter over HTTP: fixed routes, one token, bounded in time and size.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Client
{
    private const MAX_BYTES = 8388608;
    private const MAX_DEPTH = 16;
    private const CONNECT_SECONDS = 3;
    private const SECONDS = 10;
    /** Only an answer that was asked for with this line is kept by whmeter as reported to WHMCS. */
    private const BILLING = 'X-Whmeter-Purpose: billing';
    private const ON_BEHALF_OF = 'X-Whmeter-On-Behalf-Of: ';

    private string $host;
    private int $port;
    private bool $tls;
    private string $token;
    private string $adminToken;
    /** Until when whoever cannot wait does: seconds of the clock; null for whoever can. */
    private ?float $until = null;

    /** Whose failures it heeds: what staff ask of the whole fleet takes long, which says nothing of a service's own pages. */
    private string $circle = '';

    /** The same for pages, buttons and hooks, in which somebody waits: all their questions together take so long at most. */
    public static function hurried(array $params, float $seconds): self
    {
        $client = new self($params);
        $client->until = microtime(true) + $seconds;
        return $client;
    }

    /** The same for what staff ask of the whole fleet. */
    public static function ofStaff(array $params, float $seconds): self
    {
        $client = self::hurried($params, $seconds);
        $client->circle = ' fleet';
        return $client;
    }

    /** @param array $params server parameters as WHMCS hands them to every module function */
    public function __construct(array $params)
    {
        $this->tls = !in_array($params['serversecure'] ?? false, [false, '', '0', 0, 'off'], true);
        $this->port = (int) ($params['serverport'] ?? 0) ?: ($this->tls ? 9443 : 9480);
        $this->host = trim((string) ($params['serverhostname'] ?? '')) ?: trim((string) ($params['serverip'] ?? ''));
        $this->token = trim((string) ($params['serveraccesshash'] ?? ''));
        $this->adminToken = trim((string) ($params['serverpassword'] ?? ''));
    }

    /** The tokens of a server entry: what no log may show. */
    public static function secrets(array $params): array
    {
        $secrets = [$params['serveraccesshash'] ?? '', $params['serverpassword'] ?? '', $params['password'] ?? ''];
        $secrets = array_map(static fn ($secret) => trim((string) $secret), $secrets);
        return array_values(array_filter($secrets, static fn ($secret) => $secret !== ''));
    }

    /** One tenant as a part of a path. */
    public static function part(string $tenant): string
    {
        // Dots alone would be taken for folders, also when encoded by halves.
        return strspn($tenant, '.') === strlen($tenant) ? str_repeat('%2E', strlen($tenant)) : rawurlencode($tenant);
    }

    /** To be looked at, by whomever: whmeter keeps nothing of it. @throws Refused */
    public function get(string $path, array $query = []): array
    {
        return $this->ask('GET', $path, $query, null, $this->token);
    }

    /** For WHMCS to store and to bill: whmeter records it as reported. @throws Refused */
    public function collect(string $path, array $query): array
    {
        return $this->ask('GET', $path, $query, null, $this->token, [self::BILLING]);
    }

    /** @throws Refused */
    public function post(string $path, array $query): array
    {
        return $this->ask('POST', $path, $query, '', $this->token);
    }

    /** @throws Refused */
    public function put(string $path, array $query, array $body): array
    {
        return $this->ask('PUT', $path, $query, self::json($body), $this->token);
    }

    /** Needs the admin token; that of the access hash may have the scope as well. @param string $person who is in the audit besides the token @throws Refused */
    public function order(string $path, array $query, array $body, string $person = ''): array
    {
        $marks = $person === '' ? [] : [self::ON_BEHALF_OF . $person];
        return $this->ask('POST', $path, $query, self::json($body), $this->adminToken ?: $this->token, $marks);
    }

    /** What is of all servers, for staff: needs a token with the scope read in the place of the admin token. @throws Refused */
    public function read(string $path, array $query = []): array
    {
        return $this->ask('GET', $path, $query, null, $this->adminToken ?: $this->token);
    }

    /** The same where the answer is a list of rows. @return array[] @throws Refused */
    public function rows(string $path, array $query): array
    {
        $read = $this->fetch('GET', $path, $query, null, $this->adminToken ?: $this->token);
        if (!array_is_list($read)) {
            throw new Refused('the answer is no list; update module and whmeter together');
        }
        return array_values(array_filter($read, 'is_array'));
    }

    /** Half a list would be taken for the whole: what is too long for whmeter is not sent. */
    private static function json(array $body): string
    {
        $flags = JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE;
        $json = json_encode($body, $flags);
        if (strlen($json) > self::MAX_BYTES) {
            throw new \LengthException('the list is larger than 8 MiB');
        }
        return $json;
    }

    /** @param string[] $marks further lines of the request's head */
    private function ask(string $method, string $path, array $query, ?string $body, string $token, array $marks = []): array
    {
        $read = $this->fetch($method, $path, $query, $body, $token, $marks);
        if (($read['schema'] ?? null) !== 1) {
            throw new Refused('the answer has an unknown schema; update module and whmeter together');
        }
        $unit = is_array($read['unit'] ?? null) ? $read['unit']['name'] ?? null : null;
        if (is_string($unit) && $unit !== Settings::unit()) {
            $ours = Settings::unit();
            throw new Refused("whmeter's values are in $unit, and WHMCS would bill them as $ours: set unit in settings.php to '$unit', or in [whmcs] to \"$ours\"");
        }
        return $read;
    }

    /** @param string[] $marks as above */
    private function fetch(string $method, string $path, array $query, ?string $body, string $token, array $marks = []): array
    {
        if ($token === '' || preg_match('/[^\x21-\x7e]/', $token)) {
            throw new Refused('the access hash of the server entry must be whmeter\'s token, in one line');
        }
        if (Settings::trouble() !== null) {
            throw new Refused(Settings::trouble());
        }
        if ($this->until !== null && Outage::lasts("$this->host:$this->port$this->circle")) {
            throw new Refused('whmeter did not answer less than a minute ago, and is asked again after that');
        }
        [$answer, $code, $type] = $this->transfer($method, $this->url($path, $query), $body, ["Authorization: Bearer $token", ...$marks]);
        if ($code >= 300 || $code < 200) {
            throw new Refused("whmeter answers HTTP $code" . self::detail($answer, $type), $code);
        }
        $read = json_decode($answer, true, self::MAX_DEPTH);
        if (!is_array($read)) {
            throw new Refused('the answer is not JSON: ' . json_last_error_msg());
        }
        return $read;
    }

    /** Milliseconds that a request may take. @throws Refused when there are none left */
    private function patience(): int
    {
        $left = $this->until === null ? self::SECONDS : min(self::SECONDS, $this->until - microtime(true));
        if ($left < 0.05) {
            throw new Refused('whmeter has not answered in the time there was');
        }
        return (int) ($left * 1000);
    }

    private function url(string $path, array $query): string
    {
        $host = filter_var($this->host, FILTER_VALIDATE_IP, FILTER_FLAG_IPV6) ? "[$this->host]" : $this->host;
        if (!preg_match('/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)$/D', $host)) {
            throw new Refused('the server entry needs a hostname alone, without https:// and without a path');
        }
        $scheme = $this->tls ? 'https' : 'http';
        return "$scheme://$host:$this->port$path" . ($query ? '?' . http_build_query($query, '', '&') : '');
    }

    /** @return array{string, int, string} body, status, content type */
    private function transfer(string $method, string $url, ?string $body, array $head): array
    {
        $answer = '';
        $patience = $this->patience();
        $curl = curl_init();
        $options = [
            CURLOPT_URL => $url,
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_PATH_AS_IS => true,
            CURLOPT_CONNECTTIMEOUT_MS => min(self::CONNECT_SECONDS * 1000, $patience),
            CURLOPT_TIMEOUT_MS => $patience,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_SSL_VERIFYPEER => true,
            CURLOPT_SSL_VERIFYHOST => 2,
            CURLOPT_HTTPHEADER => [
                ...$head,
                'Accept: application/json',
                'Content-Type: application/json',
                'Expect:',
            ],
            // Returning less than was given ends the transfer: no answer fills our memory.
            CURLOPT_WRITEFUNCTION => static function ($curl, string $chunk) use (&$answer): int {
                $answer .= $chunk;
                return strlen($answer) > self::MAX_BYTES ? 0 : strlen($chunk);
            },
        ];
        if ($body !== null) {
            $options[CURLOPT_POSTFIELDS] = $body;
        }
        curl_setopt_array($curl, $options);
        if (curl_exec($curl) === false) {
            // Whoever says too much is not away.
            if (strlen($answer) > self::MAX_BYTES) {
                throw new Refused('whmeter cannot be asked: the answer is larger than 8 MiB');
            }
            Outage::began("$this->host:$this->port$this->circle");
            throw new Refused('whmeter cannot be asked: ' . curl_error($curl));
        }
        $type = (string) curl_getinfo($curl, CURLINFO_CONTENT_TYPE);
        return [$answer, (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $type];
    }

    /** What whmeter says of a refusal; what a proxy's page says is not shown. */
    private static function detail(string $answer, string $type): string
    {
        if (!str_starts_with($type, 'application/problem+json')) {
            return '';
        }
        $problem = json_decode($answer, true, self::MAX_DEPTH);
        $detail = is_array($problem) ? ($problem['detail'] ?? '') : '';
        return is_string($detail) && $detail !== '' ? ': ' . substr($detail, 0, 300) : '';
    }
}
