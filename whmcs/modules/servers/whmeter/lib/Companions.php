<?php
// Companion services: a second, unpriced service beside one that another module runs, for its metrics.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Companions
{
    /** A companion's username is this and the id of the service it stands beside; whmeter answers to it as well. */
    public const PREFIX = 'whm-';
    private const LIVING = ['Pending', 'Active', 'Suspended'];

    public static function isOne(string $username): bool
    {
        return preg_match('/^' . self::PREFIX . '[1-9]\d*$/D', $username) === 1;
    }

    /** The service that a companion's username says it stands beside. */
    public static function parentOf(string $username): int
    {
        return (int) substr($username, strlen(self::PREFIX));
    }

    /** The companion of a service: a living one before one that is over. */
    private static function beside(int $service, int $client): ?object
    {
        $rows = Capsule::table('tblhosting')
            ->where('username', self::PREFIX . $service)
            ->where('userid', $client)
            ->orderBy('id')
            ->get(['id', 'userid', 'packageid', 'domainstatus']);
        $found = null;
        foreach ($rows as $row) {
            $found = $found === null || in_array($row->domainstatus, self::LIVING, true) ? $row : $found;
        }
        return $found;
    }

    /** Sees to it that a service whose product has a companion has one: orders it, or takes up one that is there. */
    public static function create(int $service): void
    {
        $parent = Capsule::table('tblhosting')->where('id', $service)->first();
        $product = $parent ? (int) (Settings::table('companions')[(int) $parent->packageid] ?? 0) : 0;
        $entry = $parent ? Servers::entryFor((int) $parent->server) : null;
        if ($product === 0 || $entry === null) {
            return;
        }
        $beside = self::beside($service, (int) $parent->userid);
        if ($beside !== null && in_array($beside->domainstatus, self::LIVING, true)) {
            return;
        }
        // One that is over goes on: its metrics' prices are those of its product still.
        $companion = $beside !== null && (int) $beside->packageid === $product ? (int) $beside->id : self::order($parent, $product, $entry);
        $due = (string) $parent->nextduedate;
        self::call('UpdateClientProduct', [
            'serviceid' => $companion,
            'serviceusername' => self::PREFIX . $service,
            'serverid' => $entry,
            'status' => $parent->domainstatus === 'Suspended' ? 'Suspended' : 'Active',
        ] + ($due > '0001' ? ['nextduedate' => $due] : []));
        Memory::keep(Memory::COMPANIONS, [$service => null]);
    }

    /** Orders one; an order that was made and not finished is not made again. */
    private static function order(object $parent, int $product, int $entry): int
    {
        $service = (int) $parent->id;
        [$companion, $order] = Memory::read(Memory::COMPANIONS)[$service] ?? [0, 0];
        $begun = Capsule::table('tblhosting')->where('id', $companion)->where('packageid', $product)->first(['id']);
        if (!$begun) {
            $made = self::call('AddOrder', [
                'clientid' => (int) $parent->userid,
                'paymentmethod' => (string) $parent->paymentmethod,
                'pid' => [$product],
                'billingcycle' => [self::cycle((string) $parent->billingcycle)],
                'priceoverride' => [0],
                'noinvoice' => true,
                'noinvoiceemail' => true,
                'noemail' => true,
            ]);
            $companion = (int) ($made['serviceids'] ?? $made['productids'] ?? 0);
            if ($companion === 0) {
                throw new \RuntimeException("AddOrder: WHMCS names no service, so the companion of service $service has no name");
            }
            $order = (int) ($made['orderid'] ?? 0);
            Memory::keep(Memory::COMPANIONS, [$service => [$companion, $order]]);
        }
        // WHMCS takes an order up once: an earlier round may have done it and been cut off behind it.
        if ($begun && !self::isPending($order)) {
            return $companion;
        }
        self::call('AcceptOrder', [
            'orderid' => $order,
            'serverid' => $entry,
            'serviceusername' => self::PREFIX . $service,
            'autosetup' => false,
            'sendemail' => false,
        ]);
        return $companion;
    }

    private static function isPending(int $order): bool
    {
        $found = self::call('GetOrders', ['id' => $order])['orders']['order'] ?? [];
        $its = array_filter((array) $found, static fn ($one) => is_array($one) && (int) ($one['id'] ?? 0) === $order);
        return in_array('Pending', array_column($its, 'status'), true);
    }

    /** Does to the companion what was done to the service it stands beside. */
    public static function follow(int $service, string $action): void
    {
        $parent = Capsule::table('tblhosting')->where('id', $service)->first(['userid']);
        $expected = ['ModuleSuspend' => ['Active'], 'ModuleUnsuspend' => ['Suspended']];
        $companion = $parent ? self::beside($service, (int) $parent->userid) : null;
        if ($companion && in_array($companion->domainstatus, $expected[$action] ?? ['Active', 'Suspended'], true)) {
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

    /** Asks WHMCS itself. @throws \RuntimeException with what it answers */
    public static function call(string $action, array $fields): array
    {
        $answer = localAPI($action, $fields);
        if (($answer['result'] ?? '') !== 'success') {
            throw new \RuntimeException("$action: " . ($answer['message'] ?? 'no answer'));
        }
        return $answer;
    }
}
