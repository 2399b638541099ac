<?php
// The full list of one server's services, as whmeter wants it: whose they are, and what was sold.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class ServiceList
{
    public static function of(int $server): array
    {
        $products = [];
        foreach (Capsule::table('tblproducts')->get() as $product) {
            $products[(int) $product->id] = $product;
        }
        $columns = ['id', 'userid', 'packageid', 'username', 'domain', 'domainstatus'];
        $services = [];
        foreach (Capsule::table('tblhosting')->where('server', $server)->orderBy('id')->get($columns) as $service) {
            $services[] = self::shape($service, $products[(int) $service->packageid] ?? (object) []);
        }
        return ['schema' => 1, 'services' => $services];
    }

    private static function shape(object $service, object $product): array
    {
        return [
            'id' => (int) $service->id,
            'client' => (int) $service->userid,
            'username' => (string) $service->username,
            'domain' => (string) $service->domain,
            'product' => (string) ($product->name ?? ''),
            'package' => (string) ($product->servertype ?? ''),
            'status' => (string) $service->domainstatus,
            'limits' => (object) ProductLimits::limits($product),
            'templates' => (object) ProductLimits::templates($product),
        ];
    }
}
