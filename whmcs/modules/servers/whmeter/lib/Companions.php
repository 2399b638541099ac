<?php
// Companion services: a second, unpriced service beside one that another module runs, for its metrics.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Companions
{
    /** A companion's username is this and the id of the service it stands beside. */
    private const PREFIX = 'whm-';

    public static function parentId(string $username): ?int
    {
        $id = substr($username, strlen(self::PREFIX));
        $is = str_starts_with($username, self::PREFIX) && preg_match('/^[1-9]\d{0,17}$/D', $id);
        return $is ? (int) $id : null;
    }

    /** @return array<int, array<string, string>> the parent's account by companion's username, by the parent's server */
    public static function on(int $entry): array
    {
        $owners = [];
        foreach (self::services($entry) as $service) {
            $parent = self::parentId((string) $service->username);
            if ($parent !== null) {
                $owners[$parent] = (int) $service->userid;
            }
        }
        $found = [];
        foreach (array_chunk(array_keys($owners), 1000) as $ids) {
            $columns = ['id', 'userid', 'username', 'server'];
            foreach (Capsule::table('tblhosting')->whereIn('id', $ids)->get($columns) as $parent) {
                if ((int) $parent->userid === $owners[(int) $parent->id] && (string) $parent->username !== '') {
                    $found[(int) $parent->server][self::PREFIX . $parent->id] = (string) $parent->username;
                }
            }
        }
        return $found;
    }

    /** Whether services with accounts of their own are on the entry as well. */
    public static function hasOthers(int $entry): bool
    {
        foreach (self::services($entry) as $service) {
            if (self::parentId((string) $service->username) === null) {
                return true;
            }
        }
        return false;
    }

    /** The service a companion stands beside; both must be the same customer's. */
    public static function parent(string $username, int $entry): ?object
    {
        $columns = ['id', 'userid', 'username', 'server'];
        $hosting = static fn () => Capsule::table('tblhosting');
        $companion = $hosting()->where('username', $username)->where('server', $entry)->first($columns);
        $parent = $companion ? $hosting()->where('id', self::parentId($username))->first($columns) : null;
        return $parent && (int) $parent->userid === (int) $companion->userid && (string) $parent->username !== ''
            ? $parent
            : null;
    }

    private static function services(int $entry): iterable
    {
        return Capsule::table('tblhosting')
            ->where('server', $entry)
            ->whereIn('domainstatus', ['Active', 'Suspended'])
            ->get(['id', 'userid', 'username']);
    }

    private static function beside(int $service): ?object
    {
        $username = self::PREFIX . $service;
        $found = Capsule::table('tblhosting')->where('username', $username)->first(['id', 'userid', 'domainstatus']);
        return $found ?: null;
    }

    /** Orders the companion of a new service, where its product has one and it has none yet. */
    public static function create(int $service): void
    {
        $parent = Capsule::table('tblhosting')->where('id', $service)->first();
        $product = $parent ? (int) (Settings::table('companions')[(int) $parent->packageid] ?? 0) : 0;
        $entry = $parent ? Servers::entryFor((int) $parent->server) : null;
        if ($product === 0 || $entry === null || self::beside($service) !== null) {
            return;
        }
        $order = self::call('AddOrder', [
            'clientid' => (int) $parent->userid,
            'paymentmethod' => (string) $parent->paymentmethod,
            'pid' => [$product],
            'billingcycle' => [self::cycle((string) $parent->billingcycle)],
            'priceoverride' => [0],
            'noinvoice' => true,
            'noinvoiceemail' => true,
            'noemail' => true,
        ]);
        $companion = (int) ($order['serviceids'] ?? $order['productids'] ?? 0);
        $username = self::PREFIX . $service;
        $fields = ['serviceid' => $companion, 'serviceusername' => $username, 'serverid' => $entry];
        $due = (string) $parent->nextduedate;
        self::call('UpdateClientProduct', $fields + ($due > '0001' ? ['nextduedate' => $due] : []));
        self::call('AcceptOrder', [
            'orderid' => (int) ($order['orderid'] ?? 0),
            'serverid' => $entry,
            'serviceusername' => $username,
            'autosetup' => false,
            'sendemail' => false,
        ]);
        self::call('UpdateClientProduct', ['serviceid' => $companion, 'status' => 'Active']);
    }

    /** Does to the companion what was done to the service it stands beside. */
    public static function follow(int $service, string $action): void
    {
        $expected = ['ModuleSuspend' => 'Active', 'ModuleUnsuspend' => 'Suspended'];
        $companion = self::beside($service);
        $status = $companion->domainstatus ?? '';
        if ($companion && in_array($status, (array) ($expected[$action] ?? ['Active', 'Suspended']), true)) {
            $reason = $action === 'ModuleSuspend' ? ['suspendreason' => "Together with service $service"] : [];
            self::call($action, ['serviceid' => (int) $companion->id] + $reason);
        }
    }

    /** The word of AddOrder for what tblhosting calls Semi-Annually, Free Account, One Time. */
    private static function cycle(string $stored): string
    {
        $word = strtolower(str_replace(['-', ' '], '', $stored));
        return $word === 'freeaccount' ? 'free' : $word;
    }

    private static function call(string $action, array $fields): array
    {
        $answer = localAPI($action, $fields);
        if (($answer['result'] ?? '') !== 'success') {
            throw new \RuntimeException("$action: " . ($answer['message'] ?? 'no answer'));
        }
        return $answer;
    }
}
