<?php
// Companion services: a second, unpriced service beside one that another module runs, for its metrics.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Companions
{
    /** A companion's username is this and the id of the service it stands beside; whmeter answers to it as well. */
    private const PREFIX = 'whm-';

    public static function isOne(string $username): bool
    {
        return preg_match('/^' . self::PREFIX . '[1-9]\d*$/D', $username) === 1;
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
