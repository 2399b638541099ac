<?php
// A running whmeter and a service that another module runs: its companion has its numbers, limit and buttons.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;

server_row(20);
server_row(12, ['type' => 'puqMinIOS3']);
product(17, 'S3 Storage 200', 'puqMinIOS3', ['configoption2' => 'GB', 'configoption3' => '200']);
product(31, 'Metered usage', 'whmeter');
service(7731, 1042, 17, 12, '7-41');
service(7732, 1043, 17, 12, '7-42');
service(8001, 1042, 31, 20, 'whm-7731');
service(8002, 666, 31, 20, 'whm-7732');

$entry = entry(['serverid' => 20]);
$companion = $entry + ['serviceid' => 8001, 'username' => 'whm-7731', 'pid' => 31, 'userid' => 1042];

checks([
    'its metrics are those of the service it stands beside' => static function () use ($entry): void {
        WHMCS\Module\Server\Whmeter\Push::overdue();
        same([], $GLOBALS['module_log'], 'nothing was refused');
        $provider = whmeter_MetricProvider($entry);
        for ($tries = 0; $provider->usage() === [] && $tries < 100; $tries++) {
            usleep(200000);
        }
        $usage = $provider->usage();
        same(['whm-7731'], array_keys($usage), 'and nobody sees another customer\'s account');
        same(100.0, $usage['whm-7731'][0]->usage()->value(), 'in all');
        same(100.0, $provider->tenantUsage('whm-7731')[0]->usage()->value(), 'alone');
        same([[], []], [$provider->tenantUsage('whm-7732'), $provider->tenantUsage('7-41')], 'others');
    },
    'its page and its tab are too' => static function () use ($companion): void {
        $page = whmeter_ClientArea($companion)['templateVariables']['whmeterPage'];
        foreach (['100.00 GiB', '200.00 GiB', '50.0 %', '<svg'] as $part) {
            holds(str_contains($page, $part), "$part in $page");
        }
        [$html] = run_hook('ClientAreaProductDetailsOutput', ['service' => (object) ['id' => 7731]]);
        holds(str_contains($html, '100.00 GiB') && str_contains($html, '200.00 GiB'), "the service itself: $html");
    },
    'its buttons work on that account' => static function () use ($companion): void {
        same('success', whmeter_setlimited($companion), 'pinned');
        [$fields] = run_hook('AdminClientServicesTabFields', ['id' => 7731]);
        holds(str_contains($fields['Policy'], 'set by hand'), $fields['Policy']);
        same('success', whmeter_updatepolicy($companion), 'usage decides again');
        same('success', whmeter_recalc($companion), 'read again');
    },
    'overage figures are its own' => static function () use ($entry): void {
        whmeter_UsageUpdate($entry);
        $written = array_column(Capsule::$tables['tblhosting'], 'diskusage', 'id');
        same([7731 => 7, 7732 => 7, 8001 => 102400, 8002 => 7], $written, 'MB');
    },
    'the connection test asks for the servers it meters' => static function () use ($entry): void {
        $said = whmeter_TestConnection($entry)['error'];
        holds(str_contains($said, 'whmcs_server = 13'), "12 is known, 13 is not: $said");
    },
]);
