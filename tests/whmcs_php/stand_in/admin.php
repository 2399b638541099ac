<?php
// What staff and customers do, and a look at the tables: `admin.php ACTION JSON`.

declare(strict_types=1);

require __DIR__ . '/boot.php';

use StandIn\Api;
use StandIn\Invoices;
use StandIn\Modules;
use StandIn\Orders;
use StandIn\Services;
use WHMCS\Database\Capsule;

$wish = json_decode($argv[2] ?? '[]', true, 8, JSON_THROW_ON_ERROR);
$actions = [
    'install' => static fn () => Capsule::connection()->unprepared(file_get_contents(__DIR__ . '/tables.sql')),
    // Rows of any tables; what is secret is stored encrypted.
    'insert' => static function () use ($wish): void {
        foreach ($wish as $table => $rows) {
            foreach ($rows as $row) {
                foreach (array_intersect_key($row, ['accesshash' => 1, 'password' => 1]) as $column => $plain) {
                    $row[$column] = Modules::encrypted($plain);
                }
                Capsule::table($table)->insert($row);
            }
        }
    },
    'order' => static fn () => Orders::begin($wish),
    'upgrade' => static fn () => Services::upgrade($wish['service'], $wish['product']),
    'option' => static fn () => Services::option($wish['service'], $wish['option'], $wish['count']),
    'suspend' => static fn () => Services::suspend($wish['service'], 'Overdue on Payment'),
    'unsuspend' => static fn () => Services::unsuspend($wish['service']),
    'terminate' => static fn () => Services::terminate($wish['service']),
    'delete' => static fn () => Services::delete($wish['service']),
    // Answers to these actions are lost from now on, each so many times.
    'lose' => static fn () => Capsule::table('tblconfiguration')->updateOrInsert(['setting' => Api::LOST], ['value' => json_encode($wish)]),
    // Sets columns of the rows that are so: what somebody does to a database by hand.
    'change' => static fn () => Capsule::table($wish['table'])->where($wish['where'])->update($wish['set']),
    'rows' => static fn () => Capsule::table($wish['table'])->orderBy($wish['by'] ?? 'id')->get()->all(),
    // The renewals of a day, without the rest of the cron.
    'renew' => static fn () => Invoices::renew(),
    // A copy of the whole database beside it.
    'copy' => static function () use ($wish): void {
        Capsule::statement("CREATE DATABASE {$wish['name']}");
        foreach (Capsule::select('SHOW TABLES') as $row) {
            $table = current((array) $row);
            Capsule::statement("CREATE TABLE {$wish['name']}.$table LIKE $table");
            Capsule::statement("INSERT INTO {$wish['name']}.$table SELECT * FROM $table");
        }
    },
];
echo json_encode($actions[$argv[1]](), JSON_THROW_ON_ERROR), "\n";
