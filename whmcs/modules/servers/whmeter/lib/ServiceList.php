<?php
// The full list of one server's services, as whmeter wants it: whose they are, since when, and what was sold.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class ServiceList
{
    public static function of(int $server): array
    {
        // SolusVM's own module keeps the server's number there: its username is a client's, and shared by his servers.
        $accounts = CustomField::read('product', 'vserverid');
        $services = $unread = $there = [];
        foreach (self::sold($server) as [$service, $product, $sold]) {
            $services[] = self::shape($service, $product, $accounts, $sold);
            $unread[(int) $service->id] = $sold->unread;
            $there[(int) $service->id] = true;
        }
        UnreadSizes::say($server, array_merge(...array_values($unread)));
        return ['schema' => 1, 'services' => $services] + self::addons($server) + self::remarks($server, $unread, $there);
    }

    /** @return string[] what was written as a size of a living service, and is none */
    public static function unread(int $server): array
    {
        $unread = array_map(static fn (array $one) => $one[2]->unread, self::sold($server));
        return array_merge(...$unread);
    }

    /** @return array{object, object, SoldLimits}[] every service with its product and what was sold */
    private static function sold(int $server): array
    {
        $products = [];
        foreach (Capsule::table('tblproducts')->get() as $product) {
            $products[(int) $product->id] = $product;
        }
        $columns = ['id', 'userid', 'packageid', 'username', 'domain', 'domainstatus'];
        $columns = [...$columns, ...Columns::present('tblhosting', ['regdate', 'qty'])];
        $options = ChosenOptions::read();
        $sold = [];
        foreach (Capsule::table('tblhosting')->where('server', $server)->orderBy('id')->get($columns) as $service) {
            $product = $products[(int) $service->packageid] ?? (object) [];
            $sold[] = [$service, $product, SoldLimits::of($service, $product, $options)];
        }
        return $sold;
    }

    /** Nothing is billed by add-ons: if they cannot be read, the services are sent all the same. */
    private static function addons(int $server): array
    {
        $read = static fn () => AddonList::of($server);
        $addons = Safely::run("add-ons of server $server", [], $read, static fn () => null);
        // An absent list says nothing; an empty one says that there are none.
        return $addons === null ? [] : ['addons' => $addons];
    }

    /** Nothing counts by them: if they cannot be made, the list is sent without, which says nothing of them. */
    private static function remarks(int $server, array $unread, array $there): array
    {
        $make = static fn () => Remarks::of($unread, $there);
        $remarks = Safely::run("remarks on the services of server $server", [], $make, static fn () => null);
        return $remarks === null ? [] : ['remarks' => $remarks];
    }

    private static function shape(object $service, object $product, CustomField $accounts, SoldLimits $sold): array
    {
        // From that day on usage that was unowned may be this service's.
        $registered = Day::of($service->regdate ?? null);
        $account = $accounts->of((int) $service->id, (int) $service->packageid);
        return [
            'id' => (int) $service->id,
            'client' => (int) $service->userid,
            'username' => Stored::text($service->username),
            ...($account === null ? [] : ['account' => $account]),
            'domain' => Stored::text($service->domain),
            'product' => Stored::text($product->name ?? ''),
            'package' => (string) ($product->servertype ?? ''),
            'status' => (string) $service->domainstatus,
            ...($registered === null ? [] : ['registered' => $registered]),
            'limits' => (object) $sold->limits,
            'templates' => (object) ProductLimits::templates($product),
            ...($sold->warnAt === null ? [] : ['warn_at' => $sold->warnAt]),
            ...(ProductLimits::unit($product) === null ? [] : ['unit' => ProductLimits::unit($product)]),
        ];
    }
}
