<?php
// Orders: a service begins as a row that is pending.

declare(strict_types=1);

namespace StandIn;

use WHMCS\Database\Capsule;

final class Orders
{
    /** @return array{int, int} the order and its service */
    public static function place(int $client, int $product, string $method, string $cycle, float $price): array
    {
        $order = Capsule::table('tblorders')->insertGetId(['userid' => $client, 'date' => date('Y-m-d H:i:s'), 'status' => 'Pending']);
        $service = Capsule::table('tblhosting')->insertGetId([
            'userid' => $client, 'orderid' => $order, 'packageid' => $product, 'server' => 0, 'regdate' => date('Y-m-d'),
            'paymentmethod' => $method, 'firstpaymentamount' => $price, 'amount' => $price, 'billingcycle' => $cycle,
            'nextduedate' => date('Y-m-d'), 'domainstatus' => 'Pending',
        ]);
        return [(int) $order, (int) $service];
    }

    /** Takes an order up: its services get server and username. They are begun apart from that. */
    public static function accept(int $order, int $server, string $username): void
    {
        Capsule::table('tblorders')->where('id', $order)->update(['status' => 'Active']);
        Capsule::table('tblhosting')->where('orderid', $order)->update(['server' => $server, 'username' => $username]);
    }

    /** What a customer who pays at once gets, on a day from which on it is paid monthly. */
    public static function begin(array $wish): int
    {
        $price = (float) Capsule::table('tblproducts')->where('id', $wish['product'])->value('stand_in_monthly');
        [$order, $service] = self::place($wish['client'], $wish['product'], 'mailin', 'Monthly', $price);
        self::accept($order, $wish['server'], $wish['username']);
        Capsule::table('tblhosting')->where('id', $service)->update(['nextduedate' => $wish['due']]);
        Services::create($service);
        return $service;
    }
}
