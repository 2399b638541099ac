<?php
// whmeter as it must never answer: nothing is thrown, nothing is invented, and the log says why, without secrets.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;
use WHMCS\Module\Server\Whmeter\Values;

const PASSWORD = ['password' => 'customers-password'];

/** Everything that is asked of whmeter in the name of one service. */
function everything(array $params): void
{
    $provider = whmeter_MetricProvider($params);
    same([], $provider->usage(), 'usage');
    same([], $provider->tenantUsage('1042-7731'), 'usage of one');
    $service = $params + PASSWORD + ['serviceid' => 7731, 'username' => '1042-7731', 'pid' => 1, 'userid' => 1042];
    $page = whmeter_ClientArea($service)['templateVariables']['whmeterPage'];
    holds(str_contains($page, 'alert'), "the page says that there is nothing: $page");
    holds(!str_contains($page, 'HTTP') && !str_contains($page, '127.0.0.1'), "customers see no detail: $page");
    foreach (['whmeter_recalc', 'whmeter_updatepolicy', 'whmeter_setstandard', 'whmeter_setlimited'] as $button) {
        $said = $button($service);
        holds(is_string($said) && $said !== 'success' && strlen($said) > 10, "$button: $said");
    }
    same(1, count(whmeter_AdminServicesTabFields($service)), 'admin tab');
    $tried = whmeter_TestConnection($params);
    holds($tried['success'] === false && strlen($tried['error']) > 8, 'test connection: ' . $tried['error']);
    same(null, whmeter_UsageUpdate($params), 'usage update');
    same(7, Capsule::$tables['tblhosting'][0]['diskusage'], 'an old figure stays');
    foreach (['CreateAccount', 'SuspendAccount', 'UnsuspendAccount', 'TerminateAccount', 'ChangePackage', 'Renew'] as $step) {
        same('success', "whmeter_$step"($service), $step);
    }
    check_log(8);
}

service(7731, 1042, 1, 12, '1042-7731');
$answers = ['401', '403', '404', '500', 'html', 'gateway', 'truncated', 'huge', 'schema', 'noschema', 'list', 'empty', 'deep', 'redirect', 'echo'];
$checks = [];
foreach ($answers as $answer) {
    $checks["answer $answer"] = static function () use ($answer): void {
        putenv("WHMETER_TOKEN=answer-$answer-0123456789");
        everything(entry());
        $GLOBALS['module_log'] = [];
    };
}

checks($checks + [
    'nobody listens' => static fn () => everything(entry(['serverport' => '1'])),
    'addresses that are none' => static function (): void {
        foreach (['', 'https://127.0.0.1', '127.0.0.1/x?', "a\nb", 'file:///etc/passwd', 'user@host', '[::1'] as $host) {
            everything(entry(['serverhostname' => $host]));
        }
    },
    'tokens that are none' => static function (): void {
        foreach (['', "two\r\nX-Line: 1", 'with space', 'Ümlaut'] as $token) {
            everything(entry(['serveraccesshash' => $token, 'serverpassword' => '']));
        }
    },
    'somebody slow' => static function (): void {
        $began = microtime(true);
        same([], whmeter_MetricProvider(entry(['serveraccesshash' => 'answer-slow-0123456789']))->usage(), 'usage');
        $took = microtime(true) - $began;
        holds($took > 5 && $took < 13, "given up after ten seconds: $took");
    },
    'values that are none are left out, and a known zero is told' => static function (): void {
        putenv('WHMETER_TOKEN=answer-odd-0123456789');
        $usage = whmeter_MetricProvider(entry())->usage();
        same(['007', 1042, 'half'], array_keys($usage), 'tenants of whom something is known');
        same([0.0], array_map(static fn ($metric) => $metric->usage()->value(), $usage[1042]), 'a known zero');
        same(['disk', 'traffic_out'], array_map(static fn ($metric) => $metric->systemName(), $usage['half']), 'known ones');
        same(1.5, $usage['half'][0]->usage()->value(), 'value');
    },
    'numbers' => static function (): void {
        foreach (['0.00000' => 0.0, '93.41000' => 93.41, '7' => 7.0, '99999999999999999999' => 1e20] as $text => $number) {
            same($number, Values::number((string) $text), (string) $text);
        }
        foreach (['', '-1', '1e9', 'NAN', 'INF', ' 1', "1\n", '1,5', '0x1F', '.5', '1.', 1, 1.5, null, [], true] as $odd) {
            same(null, Values::number($odd), var_export($odd, true));
        }
    },
]);
