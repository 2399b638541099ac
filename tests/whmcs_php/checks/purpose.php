<?php
// What WHMCS collects is marked as billing; whatever else is asked of whmeter is a look, and is not.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;

/** What was asked since the last look: the questions marked as billing, and all others. */
function questions(): array
{
    $told = file_get_contents('http://127.0.0.1:' . getenv('WHMETER_PORT') . '/asked');
    $questions = ['billing' => [], '' => []];
    foreach (json_decode($told, true, 8, JSON_THROW_ON_ERROR) as $one) {
        holds(!str_contains($one['path'], 'purpose'), "nothing of a purpose in {$one['path']}");
        holds(isset($questions[$one['purpose']]), "no other purpose: {$one['purpose']}");
        $questions[$one['purpose']][] = "{$one['method']} {$one['path']}";
    }
    return $questions;
}

/** Nothing was marked, and these questions were asked, each at least once. */
function only_looked(array $expected, string $what): void
{
    $questions = questions();
    same([], $questions['billing'], "$what: marked");
    $asked = array_values(array_unique($questions['']));
    sort($asked);
    same($expected, $asked, $what);
}

$token = static function (string $answer): void {
    putenv("WHMETER_TOKEN=answer-$answer-0123456789");
    Capsule::$tables['tblservers'][0]['accesshash'] = "answer-$answer-0123456789";
};
$month = static fn () => 'month=' . date('Y-m');
$service = static fn () => entry(['serverid' => 20, 'serverpassword' => '']) + ['serviceid' => 8001, 'username' => 'whm-7731', 'pid' => 31];

server_row(20);
server_row(12, ['type' => 'puqMinIOS3']);
product(17, 'S3 Storage 100', 'puqMinIOS3');
product(31, 'Metered usage', 'whmeter');
service(7731, 1042, 17, 12, '1042-7731');
service(8001, 1042, 31, 20, 'whm-7731');
$token('companion');
questions();

checks([
    'the collection of all is billing, and nothing beside it' => static function () use ($month): void {
        same(['whm-7731'], array_keys(whmeter_MetricProvider(entry(['serverid' => 20]))->usage()), 'tenants');
        same(['billing' => ["GET /v1/whmcs/usage?server=20&{$month()}"], '' => []], questions(), 'all');
    },
    'so is the collection of one, whoever has pressed for it' => static function () use ($month): void {
        same(1, count(whmeter_MetricProvider(entry(['serverid' => 20]))->tenantUsage('whm-7731')), 'metrics');
        same(['billing' => ["GET /v1/whmcs/usage/whm-7731?server=20&{$month()}"], '' => []], questions(), 'one');
    },
    'which metrics there are is asked of nobody' => static function (): void {
        whmeter_MetricProvider(entry())->metrics();
        same(['billing' => [], '' => []], questions(), 'metrics');
    },
    'pages are looks, and so are their charts' => static function () use ($service): void {
        $looks = ['GET /v1/whmcs/history/whm-7731?server=20&days=365', 'GET /v1/whmcs/usage/whm-7731?server=20'];
        whmeter_ClientArea($service());
        only_looked($looks, 'the customer\'s');
        whmeter_AdminServicesTabFields($service());
        only_looked($looks, 'the tab of staff');
        $looks = ['GET /v1/whmcs/history/1042-7731?server=12&days=365', 'GET /v1/whmcs/usage/1042-7731?server=12'];
        run_hook('ClientAreaProductDetailsOutput', ['service' => (object) ['id' => 7731]]);
        only_looked($looks, 'the customer\'s, of another module');
        run_hook('AdminClientServicesTabFields', ['id' => 7731]);
        only_looked($looks, 'the tab of staff, of another module');
    },
    'the connection test is a look' => static function (): void {
        whmeter_TestConnection(entry(['serverid' => 20]));
        $questions = questions();
        $pings = ['GET /v1/whmcs/ping', 'GET /v1/whmcs/ping?server=12', 'GET /v1/whmcs/ping?server=13'];
        same(['billing' => [], '' => $pings], $questions, 'ping');
    },
    'figures for overage billing are not the metrics' => static function (): void {
        whmeter_UsageUpdate(entry(['serverid' => 20]));
        only_looked(['GET /v1/whmcs/legacy?server=20'], 'our own products');
        run_hook('PreCronJob');
        only_looked(['GET /v1/whmcs/legacy?server=12'], 'other modules\' products');
    },
    'buttons and lists carry no mark' => static function () use ($service, $token): void {
        foreach (['whmeter_recalc', 'whmeter_updatepolicy', 'whmeter_setstandard', 'whmeter_setlimited'] as $button) {
            $button($service());
        }
        only_looked(['POST /v1/whmcs/policy/whm-7731?server=20', 'POST /v1/whmcs/recalc/whm-7731?server=20'], 'buttons');
        $token('taken');
        run_hook('AfterCronJob');
        $lists = array_map(static fn ($server) => "PUT /v1/whmcs/services?server=$server", [12, 13, 20]);
        only_looked(['PUT /v1/whmcs/billable?server=20', ...$lists], 'lists');
    },
    'a termination waits by looking; what WHMCS then asks for is billing' => static function () use ($month, $token): void {
        $token('final');
        run_hook('PreModuleTerminate', ['params' => ['serviceid' => 7731, 'serverid' => 12, 'username' => '1042-7731']]);
        only_looked(['GET /v1/whmcs/usage/1042-7731?server=12', 'POST /v1/whmcs/recalc/1042-7731?server=12'], 'waiting');
        $last = whmeter_MetricProvider(entry(['serverid' => 20]))->tenantUsage('whm-7731');
        same(1.0, $last[0]->usage()->value(), 'the last figures');
        same(['billing' => ["GET /v1/whmcs/usage/whm-7731?server=20&{$month()}"], '' => []], questions(), 'asked for');
    },
    'a collection that fails leaves no mark elsewhere' => static function () use ($token): void {
        foreach (['redirect', '500', 'huge'] as $answer) {
            $token($answer);
            same([], whmeter_MetricProvider(entry(['serverid' => 20]))->usage(), $answer);
            same([1, 0], array_map('count', array_values(questions())), "$answer: asked once, and nobody else");
        }
    },
]);
