<?php
// Odd tenants: each has its own number, by its own name, in all and alone.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Module\Server\Whmeter\Account;
use WHMCS\Module\Server\Whmeter\Client;

$names = ['1042', '007', 'Müller', 'a b', '../x', '<script>', 'a/b', 'x&server=13', '50%', '..', '.', '#1', 'a+b', "o'hara"];
putenv('WHMETER_TOKEN=answer-names-0123456789');

checks([
    'each has its own number' => static function () use ($names): void {
        $provider = whmeter_MetricProvider(entry());
        $usage = $provider->usage();
        same(count($names), count($usage), 'tenants');
        foreach ($names as $number => $name) {
            same((float) ($number + 1), $usage[$name][0]->usage()->value(), "in all: $name");
            same((float) ($number + 1), $provider->tenantUsage($name)[0]->usage()->value(), "alone: $name");
        }
        same([], $GLOBALS['module_log'], 'nothing failed');
    },
    'a page of each is well behaved' => static function () use ($names): void {
        foreach ($names as $name) {
            $params = entry() + ['serviceid' => 1, 'username' => $name, 'pid' => 1];
            $page = whmeter_ClientArea($params)['templateVariables']['whmeterPage'];
            holds(str_contains($page, '.00 GB') && !str_contains($page, '<script'), $page);
        }
    },
    'whmeter is told what is billed and what is only looked at' => static function (): void {
        putenv('WHMETER_TOKEN=answer-purpose-0123456789');
        $provider = whmeter_MetricProvider(entry());
        same([2.0, 2.0], [$provider->usage()['x'][0]->usage()->value(), $provider->tenantUsage('x')[0]->usage()->value()], 'billed');
        $service = entry() + ['serviceid' => 1, 'username' => 'x'];
        $pages = whmeter_ClientArea($service)['templateVariables']['whmeterPage'] . implode('', whmeter_AdminServicesTabFields($service));
        same([2, 0], [substr_count($pages, '1.00 GB'), substr_count($pages, '2.00 GB')], 'looked at');
    },
    'a part of a path stays one part' => static function () use ($names): void {
        foreach ($names as $name) {
            $part = Client::part($name);
            same(0, preg_match('/[^A-Za-z0-9%._~-]|^\.+$/', $part), $part);
            same($name, rawurldecode($part), 'comes back');
        }
        same(null, Account::named('', 12), 'nobody');
    },
]);
